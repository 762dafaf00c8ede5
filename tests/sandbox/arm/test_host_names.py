"""The names of resources, and their private link names."""

from __future__ import annotations

import pytest

from vnetferry.sandbox.arm import host_names

GUID = "b6f0c3de-94a7-4f52-a1c8-2d7e5b9034f6"


@pytest.mark.parametrize("name", ["ws", "a-workspace-with-quite-a-long-name"])
def test_notebook_host_has_labels_that_dns_takes(name: str) -> None:
    label, rest = host_names.notebook_host(name, "westeurope", GUID).split(".", 1)
    assert len(label) <= 63
    assert label.startswith(f"ml-{name[:10]}")
    assert label.endswith(f"-westeurope-{GUID}")
    assert rest == "westeurope.notebooks.azure.net"


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("kv.vault.azure.net", ("kv", "privatelink.vaultcore.azure.net")),
        ("cr.westeurope.data.azurecr.io", ("cr.westeurope.data", "privatelink.azurecr.io")),
        ("st.blob.core.windows.net", ("st", "privatelink.blob.core.windows.net")),
        (
            "g.workspace.westeurope.cert.api.azureml.ms",
            ("g.workspace.westeurope.cert", "privatelink.api.azureml.ms"),
        ),
        ("management.azure.com", None),
    ],
)
def test_private_name_is_the_record_and_zone_of_a_host(host: str, place: tuple[str, str] | None) -> None:
    assert host_names.private_name(host) == place
    assert place is None or host_names.public_name(".".join(place)) == host
