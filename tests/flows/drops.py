"""Why something may be dropped, and the section of the facts about Azure that explains it: a closed list.

The sections are those of the facts that the plan's rules go by (see `plan/fields.py`): 1 legacy isolation, 2 managed
networks, 3 preflight, 4 what must survive.
"""

OF_PROPERTIES = {
    "written by Azure alone": "1, field disposition",
    "the service's own mark on the source": "1, field disposition",
    "the legacy isolation; the managed network replaces it": "1, field disposition",
    "stays the source's own; Azure gives the new private endpoint its own": "1, three endpoints per deployment",
    "is off in a new workspace, as a managed network needs it": "3.1, v1LegacyMode",
    "can be set only on an existing workspace; set it on the target if it is needed": "3.1, IP allow-list",
    "replaced by publicNetworkAccess": "2.2, public access before provisioning",
    "a subnet of one's own has no place in a managed network": "2.1, not supported",
    "the managed network takes the place of a subnet of one's own": "2.1, not supported",
    "replaced by private endpoint outbound rules": "2.3, outbound rules",
    "said of a request alone; provisioning is a step of its own": "2.2, ways to provision",
    "computes are not moved; target.image_build_compute names one": "2.7, image build",
    "the SDK's workspace template has no place for it": "2.6, what a template makes",
    "the SDK's workspace template has no place for it; the key is opened by the workspace's own identity": (
        "2.6, what a template makes"
    ),
    "of a hub or a feature store; created as an ordinary workspace": "0, endpoints of ordinary workspaces",
    "Azure makes a new principal; it needs the roles that the old one was given": "4.2, identity",
    "the job stays in the source workspace": "4.5, assets",
    # of what the target stands on, where it is made anew
    "a key of your own is not given on; Microsoft's encrypts what is made anew": "2.6, storage, vault and registry",
    "a domain leads to one account; move it when callers have moved": "2.6, storage, vault and registry",
    "an account joins a directory by itself; a workspace does not need it": "2.6, storage, vault and registry",
    "premium accounts for files alone have it, and a workspace takes none": "2.6, no premium storage",
    "a cluster takes workspaces one by one; link it": "2.6, storage, vault and registry",
    "a private link scope holds what it names; add the new one to it if it is needed": "2.3, App Insights via AMPLS",
    # flagged besides, as nobody knows yet what it is
    "has no place in the target": "4.4, templates and requests take the members that they know",
}
OF_DOCUMENTS = {
    "none of its versions moves": "4.5, assets",
    "no endpoint that moves uses it; it stays in the source: copy it from there if it is needed": "4.5, assets",
    "stays with the source. Make those that are still needed in the new workspace.": "2.5, computes",
    "stays with the source. Register those that are needed in the new workspace.": "4.5, assets",
    "stays with the source. Lock the new resources after the migration; a lock before it stops the managed "
    "network.": "2.1, scope locks",
    "the identity that has it stays with the source": "2.5, computes",
    "what it is on stays with the source": "2.5, computes; 4.5, assets",
    "of a deployment's own network, with which it goes when the source is retired": "1, endpoints per deployment",
}
# Of what is neither in the workspace nor hangs on it: it is untouched, such as an identity that only computes have.
OF_OTHERS = {
    "stays with the source; nothing that moves uses it": "2.5, computes",
}
REASONS = {**OF_PROPERTIES, **OF_DOCUMENTS}
# Where people choose which endpoints move, the others stay, and what hangs on them.
REASONS_OF_SOME = {
    **REASONS,
    "left out by endpoints.include and endpoints.exclude; it goes on serving in the source": "the configuration",
    "what it watches stays with the source": "the configuration",
    "what it scales stays with the source": "the configuration",
}
# In place nothing stays behind: what a document as a whole may be dropped for is that Azure ends it.
REASONS_IN_PLACE = {
    **OF_PROPERTIES,
    # REST, Compute - Get: "Any secrets (storage keys, service credentials, etc) are not returned"
    "Azure answers no password, and the account has no public key": "2.5, computes",
    "of a legacy deployment, with which it ends; the managed network has its own": "1, endpoints per deployment",
}
