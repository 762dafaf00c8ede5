"""The template language: what expressions, copies and parameters come to, and what is refused."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnetferry.sandbox.arm.template import Scope, expand, outputs
from vnetferry.sandbox.arm.template.failures import TemplateError
from vnetferry.sandbox.arm.template.scope import NeedsResource
from vnetferry.sandbox.arm.template.syntax import escape
from vnetferry.sandbox.errors import AzureError

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
SDK_TEMPLATES = Path(find_spec("azure.ai.ml").origin).parent / "_arm_deployments" / "arm_templates"  # type: ignore[union-attr, arg-type]


def scope(**fields: Any) -> Scope:
    subscription = {"subscriptionId": SUBSCRIPTION, "tenantId": "t", "id": f"/subscriptions/{SUBSCRIPTION}"}
    group = {"id": GROUP, "name": "rg", "location": "westeurope"}
    return Scope(
        subscription, group, {"name": "d"}, now=datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc), **fields
    )


def of(*resources: Any, **sections: Any) -> dict[str, Any]:
    return {"$schema": "s", "contentVersion": "1.0.0.0", "resources": list(resources), **sections}


def resource(name: str, **members: Any) -> dict[str, Any]:
    return {"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2023-01-01", "name": name, **members}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("[concat('a', 1, 'b')]", "a1b"),
        ("[concat(createArray(1), createArray(2, 3))]", [1, 2, 3]),
        ("[format('{0}-{1:D3}', 'a', 7)]", "a-007"),
        ("[if(equals('a', 'A'), 1, 2)]", 2),
        ("[if(true(), 1, reference('not-there'))]", 1),
        ("[If(not(false()), 'yes', 'no')]", "yes"),
        ("[and(true(), true(), false())]", False),
        ("[or(false(), true())]", True),
        ("[empty('')]", True),
        ("[contains(createArray('a'), 'b')]", False),
        ("[length('four')]", 4),
        ("[last(split('a,b,c', ','))]", "c"),
        ("[first(createArray('x', 'y'))]", "x"),
        ("[take('abcdef', 2)]", "ab"),
        ("[substring('abcdef', 2, 3)]", "cde"),
        ("[replace('a-b', '-', '')]", "ab"),
        ("[coalesce(null(), 'b')]", "b"),
        ("[union(createArray(1, 2), createArray(2, '2', true(), 1))]", [1, 2, "2", True]),
        ("[intersection(createArray(1, '2', 3), createArray('2', 3), createArray(3, '2'))]", ["2", 3]),
        ("[length(union(range(0, 10000), range(5000, 10000)))]", 15000),
        ("[length(intersection(range(0, 10000), range(5000, 10000)))]", 5000),
        ("[union(createObject('a', 1), createObject('b', 2))]", {"a": 1, "b": 2}),
        ("[createObject('a', createObject('b', 5)).a.b]", 5),
        ('[json(\'{"a": [1, {"b": 2}]}\').a[1].b]', 2),
        ("[json('null')]", None),
        ("[string(createArray(1, 'a'))]", '[1,"a"]'),
        ("[int('12')]", 12),
        ("[bool('TRUE')]", True),
        ("[div(9223372036854775807, 1)]", 9223372036854775807),
        ("[div(-7, 2)]", -3),
        ("[mod(-7, 2)]", -1),
        ("[toUpper('a')]", "A"),
        ("['it''s']", "it's"),
        ("[[not an expression]", "[not an expression]"),
        ("[resourceGroup().location]", "westeurope"),
        ("[subscription().tenantId]", "t"),
        (
            "[resourceId('Microsoft.Storage/storageAccounts', 's')]",
            f"{GROUP}/providers/Microsoft.Storage/storageAccounts/s",
        ),
        (
            "[resourceId('g2', 'A.B/c/d', 'x', 'y')]",
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g2/providers/A.B/c/x/d/y",
        ),
        ("[subscriptionResourceId('A.B/c', 'x')]", f"/subscriptions/{SUBSCRIPTION}/providers/A.B/c/x"),
    ],
)
def test_value_of_expression_is_what_azure_gives(expression: str, value: Any) -> None:
    assert scope().value(expression) == value


def test_unique_string_of_known_input_is_azures() -> None:
    """A value that Azure itself once answered, published with its input."""
    group = "/subscriptions/31e9f9a0-9fd2-4294-a0a3-0101246d9700/resourceGroups/rg-modm201-20230913120256"
    text = f"{group}/providers/Microsoft.Compute/virtualMachines/bobjacmodm201"
    assert scope().value(f"[uniqueString('{text}')]") == "yvjxno3je5on2"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("[nope('a')]", "The template function 'nope' is not valid."),
        ("[parameters('p')]", "The template parameter 'p' is not found."),
        ("[variables('v')]", "The template variable 'v' is not found."),
        ("[createObject('a', 1).b]", "property 'b' doesn't exist, available properties are 'a'"),
        ("[createArray(1)[2]]", "array index '2' is out of bounds"),
        ("[concat('a']", "the token 'EndOfData' is not expected"),
        ("[concat('a') 'b']", "the token ''b'' is not expected"),
        ("[resourceId('A.B/c/d', 'x')]", "requires '2' resource name argument(s)"),
        ("[copyIndex()]", "The function can only be used in a resource with copy specified"),
        ("[newGuid()]", "can only be used as a parameter default value"),
        ("[toLower(1, 2)]", "does not take 2 argument(s)"),
        ("[toLower(1)]", "not of the types"),
        ("[tenantResourceId(1, 2)]", "not of the types"),
        ("[add(9223372036854775807, 1)]", "not of the types"),
        ("[add(99999999999999999999, 1)]", "the token '99999999999999999999' is not expected"),
        ("[json('NaN')]", "not of the types"),
        ("[json('1e999')]", "not of the types"),
        (f"[json('{'[' * 9_000}')]", "not of the types"),
        ("[base64ToString('!!!!')]", "not of the types"),
        ("[padLeft('x', 2000000000)]", "not of the types"),
        ("[padLeft('x', -1)]", "not of the types"),
        ("[replace('a', '', 'b')]", "not of the types"),
        ("[replace(padLeft('', 4000000, 'a'), 'a', 'aaaa')]", "not of the types"),
        ("[join(range(0, 10000), padLeft('', 4000000))]", "not of the types"),
        ("[concat(padLeft('', 4000000), padLeft('', 4000000))]", "more than the limit of 4194304"),
        (f"[toLower('{'a' * 25_000}')]", "The limit is 24576"),
    ],
)
def test_value_of_bad_expression_is_refused(expression: str, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        scope().value(expression)
    assert words in str(caught.value)


def test_expand_parameter_defaults_may_use_each_other() -> None:
    parameters = {
        "b": {"type": "string", "defaultValue": "[concat(parameters('a'), '!')]"},
        "a": {"type": "string", "defaultValue": "[toUpper('x')]"},
    }
    planned, _, _ = expand(of(resource("[parameters('b')]"), parameters=parameters), {}, scope())
    assert planned[0].name == "X!"


@pytest.mark.parametrize(
    ("definition", "value", "words"),
    [
        ({"type": "string"}, 5, "Expected 'String, Uri'. Actual 'Integer'"),
        ({"type": "int"}, True, "Expected 'Integer'. Actual 'Boolean'"),
        ({"type": "string", "allowedValues": ["a", "b"]}, "c", "is not part of the allowed value(s): 'a,b'"),
        ({"type": "string", "minLength": 3}, "ab", "between '3'"),
        ({"type": "strange"}, "a", "is not valid"),
    ],
)
def test_expand_parameter_that_does_not_fit_is_refused(definition: Any, value: Any, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        expand(of(parameters={"p": definition}), {"p": {"value": value}}, scope())
    assert words in str(caught.value)


def test_expand_missing_parameter_is_refused() -> None:
    with pytest.raises(TemplateError, match="The value for the template parameter 'p'"):
        expand(of(parameters={"p": {"type": "string"}}), {}, scope())


def test_expand_parameter_defaults_in_a_circle_are_refused() -> None:
    parameters = {
        n: {"type": "string", "defaultValue": f"[parameters('{o}')]"} for n, o in (("a", "b"), ("b", "a"))
    }
    with pytest.raises(TemplateError, match="Circular reference"):
        expand(of(parameters=parameters), {}, scope())


def test_expand_copy_makes_one_resource_a_turn() -> None:
    loop = resource("[concat('s', copyIndex(1))]", copy={"name": "many", "count": 3})
    planned, _, _ = expand(of(loop, resource("after", dependsOn=["many"])), {}, scope())
    assert [p.name for p in planned] == ["s1", "s2", "s3", "after"]
    assert planned[-1].waits_for == {p.key for p in planned[:3]}


def test_expand_many_resources_that_wait_for_many_takes_no_time() -> None:
    """Each waits for all before it."""
    resources = [resource(f"s{n}", dependsOn=[f"s{m}" for m in range(n)]) for n in range(400)]
    began_s = time.process_time()
    planned, _, _ = expand(of(*resources), {}, scope())
    assert len(planned[-1].waits_for) == 399
    assert time.process_time() - began_s < 10


def test_expand_serial_copy_waits_for_the_batch_before() -> None:
    loop = resource(
        "[concat('s', copyIndex())]", copy={"name": "many", "count": 4, "mode": "serial", "batchSize": 2}
    )
    planned, _, _ = expand(of(loop), {}, scope())
    assert [sorted(key[-2:] for key in p.waits_for) for p in planned] == [[], [], ["s0", "s1"], ["s0", "s1"]]


def test_value_of_property_and_variable_copies_are_lists() -> None:
    loop = [{"name": "list", "count": 2, "input": {"n": "[copyIndex('list')]"}}]
    found = scope(variables={"copy": [{"name": "v", "count": 2, "input": "[copyIndex('v', 5)]"}]})
    assert found.value({"copy": loop}) == {"list": [{"n": 0}, {"n": 1}]}
    assert found.value("[variables('v')]") == [5, 6]


def test_expand_false_condition_disables_and_is_not_waited_for() -> None:
    planned, _, _ = expand(of(resource("a", condition=False), resource("b", dependsOn=["a"])), {}, scope())
    assert [p.enabled for p in planned] == [False, True]
    assert planned[1].waits_for == frozenset()


def test_expand_reference_makes_a_dependency() -> None:
    planned, _, _ = expand(of(resource("b", tags={"x": "[reference('a').x]"}), resource("a")), {}, scope())
    assert planned[0].waits_for == {planned[1].key}
    with pytest.raises(NeedsResource):
        planned[0].body({})


def test_expand_child_resources_take_their_parents_names() -> None:
    child = {"type": "blobServices", "apiVersion": "2023-01-01", "name": "default"}
    planned, _, _ = expand(of(resource("a", resources=[child])), {}, scope())
    assert planned[1].id.endswith("/storageAccounts/a/blobServices/default")


def _loop(**members: Any) -> dict[str, Any]:
    """A resource that stands there twice, or as often as asked."""
    own = {name: members.pop(name) for name in ("mode", "batchSize", "count") if name in members}
    return resource("[concat('s', copyIndex())]", copy={"name": "l", "count": 2, **own}, **members)


def _thousandfold(what: Any) -> dict[str, Any]:
    return {"name": "x", "count": 800, "input": {"copy": [what]} if isinstance(what, dict) else what}


_DOUBLED = {f"a{n}": f"[concat(variables('a{n - 1}'), variables('a{n - 1}'))]" for n in range(1, 40)}


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ([resource("a", dependsOn=["b"]), resource("b", dependsOn=["a"])], "Circular dependency detected"),
        ([resource("a", dependsOn=["zz"])], "The resource 'zz' is not defined in the template."),
        ([resource("a"), resource("A")], "is defined multiple times in a template"),
        ([resource("a/b")], "has incorrect segment lengths"),
        ([resource("a", colour="red")], "Could not find member 'colour'"),
        ([{"type": "A.B/c", "name": "n"}], "Required property 'apiVersion' not found"),
        ([resource("a", copy={"name": "l", "count": -1})], "The copy count '-1' is not valid"),
        ([_loop(mode="nonsense")], "The copy mode 'nonsense' is not valid"),
        ([_loop(mode="serial", batchSize=0)], "The copy batchSize '0' is not valid"),
        ([_loop(mode="serial", batchSize="x")], "The copy batchSize 'x' is not valid"),
        ([_loop(count=500), _loop(count=500)], "Limit: '800' and actual: '801'"),
        ([resource("a", dependsOn=["a"])], "Circular dependency detected"),
        ([resource("a", tags={"x": "[reference('a').x]"})], "Circular dependency detected"),
        ([resource("")], "The name property cannot be null or empty"),
    ],
)
def test_expand_bad_template_is_refused(resources: Any, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        expand(of(*resources), {}, scope())
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"a": "[variables('b')]", "b": "[variables('a')]"}, "Circular dependency detected"),
        ({"a": "[nope()]"}, "'a' is not valid: The template function 'nope' is not valid"),
        ({"a": "[reference('x').y]"}, "The template function 'reference' is not expected at this location"),
        ({"a": "[listKeys('x', '2023-01-01')]"}, "The template function 'listKeys' is not expected"),
        ({"copy": "x"}, "must be a list of copy loops"),
        ({"copy": [{}]}, "Required property 'name' not found"),
        ({"copy": [{"name": "a", "count": 1}]}, "Required property 'input' not found"),
        ({"a0": "aaaaaaaaaa", **_DOUBLED}, "more than the limit of 4194304"),
        ({"a": {"copy": [_thousandfold(_thousandfold(_thousandfold("x")))]}}, "make more than 1000000"),
    ],
)
def test_expand_bad_variables_are_refused_whoever_uses_them(variables: Any, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        expand(of(resource("a"), variables=variables), {}, scope(ids={"x": ("/x", "2023-01-01")}))
    assert words in str(caught.value)


def test_expand_variable_is_worked_out_once_however_often_it_is_used() -> None:
    chain = {
        f"v{n}": f"[take(concat(variables('v{n - 1}'), variables('v{n - 1}')), 3)]" for n in range(1, 60)
    }
    variables = {"v0": "a", **chain}
    planned, _, _ = expand(of(resource("[variables('v59')]"), variables=variables), {}, scope())
    assert planned[0].name == "aaa"


@pytest.mark.parametrize(
    "functions",
    [
        [{"members": {}}],
        [{"namespace": "me"}],
        [{"namespace": "me", "members": {"f": {}}}],
        [{"namespace": "me", "members": {"f": {"output": {}}}}],
        [{"namespace": "me", "members": {"f": {"output": {"value": 1}, "parameters": [{}]}}}],
    ],
)
def test_expand_unsound_user_function_is_refused(functions: Any) -> None:
    with pytest.raises(TemplateError, match="Required property '"):
        expand(of(functions=functions), {}, scope())


def test_expand_nested_deployment_may_name_inside_what_bears_its_own_name() -> None:
    inner = of(outputs={"o": {"type": "object", "value": "[reference('a')]"}})
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2020-06-01",
        "name": "a",
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "template": inner,
        },
    }
    planned, _, _ = expand(of(nested), {}, scope())
    assert planned[0].waits_for == frozenset()
    assert planned[0].body({})["properties"]["template"] == inner


def test_outputs_of_template_have_type_and_value() -> None:
    sections = {
        "o": {"type": "int", "value": "[add(1, 2)]"},
        "no": {"condition": False, "type": "int", "value": "[nope()]"},
    }
    assert outputs.evaluate(of(outputs=sections), scope()) == {"o": {"type": "Int", "value": 3}}


def test_outputs_of_a_loop_are_a_list() -> None:
    loop = {"type": "array", "copy": {"count": 2, "input": "[copyIndex()]"}}
    assert outputs.evaluate(of(outputs={"o": loop}), scope()) == {"o": {"type": "Array", "value": [0, 1]}}


def test_outputs_that_are_secure_are_not_shown() -> None:
    secret = {"o": {"type": "secureString", "value": "hush"}}
    assert outputs.evaluate(of(outputs=secret), scope()) == {"o": {"type": "SecureString"}}


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"type": "string", "value": "[json('[]')]"}, "Expected 'String, Uri'. Actual 'Array'.Please see"),
        ({"type": "int", "value": "[null()]"}, "Expected 'Integer'. Actual 'Null'.Please see"),
        ({"type": "string", "value": "[nope()]"}, "The template function 'nope' is not valid."),
        ({"type": "string", "value": "x", "condition": "yes"}, "must evaluate to a boolean."),
        ({"type": "array", "copy": {"count": "x", "input": 1}}, "The copy count 'x' is not valid."),
        ({"type": "array", "copy": {"count": 2}}, "Required property 'input' not found"),
        ({"type": "string", "value": f"[{'concat(' * 2_000}'a'{')' * 2_000}]"}, "too deeply"),
    ],
)
def test_outputs_without_a_value_are_named(output: Any, words: str) -> None:
    sections = {"good": {"type": "int", "value": 1}, "bad": output}
    with pytest.raises(AzureError) as caught:
        outputs.evaluate(of(outputs=sections), scope())
    assert caught.value.message.startswith(
        "Unable to evaluate template outputs: 'bad'. Please see error details"
    )
    assert [detail["target"] for detail in caught.value.details] == ["bad"]
    assert caught.value.details[0]["message"].startswith("The template output 'bad' is not valid: ")
    assert words in caught.value.details[0]["message"]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"value": 1}, "Required property 'type' not found in JSON. Path 'outputs.o'."),
        ({"type": "int"}, "Required property 'value' not found in JSON. Path 'outputs.o'."),
        ({"type": "strange", "value": 1}, "has the type 'strange', which is not valid"),
    ],
)
def test_expand_unsound_output_is_refused(output: Any, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        expand(of(outputs={"o": output}), {}, scope())
    assert words in str(caught.value)


def test_value_of_user_function_sees_its_own_parameters_only() -> None:
    functions = [
        {
            "namespace": "me",
            "members": {
                "twice": {
                    "parameters": [{"name": "t", "type": "string"}],
                    "output": {"type": "string", "value": "[concat(parameters('t'), parameters('t'))]"},
                }
            },
        }
    ]
    planned, _, _ = expand(of(resource("[me.twice('ab')]"), functions=functions), {}, scope())
    assert planned[0].name == "abab"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text().filter(lambda t: not t.startswith("[") and t != "copy"), inner)
    ),
    max_leaves=10,
)


@given(JSON)
def test_escape_then_value_gives_any_json_back(value: Any) -> None:
    assert scope().value(escape(value)) == value


def test_expand_sdk_workspace_template_plans_its_own_resources() -> None:
    template = json.loads((SDK_TEMPLATES / "workspace_base.json").read_text(encoding="utf-8"))
    given_ = {
        name: {"value": value}
        for name, value in {
            "workspaceName": "ws",
            "description": "d",
            "friendlyName": "f",
            "location": "westeurope",
            "resourceGroupName": "rg",
            "tagValues": {"k": "v"},
            "managedNetwork": {"isolationMode": "AllowInternetOutbound"},
        }.items()
    }
    planned, _, _ = expand(template, given_, scope())
    enabled = [p for p in planned if p.enabled]
    assert [p.type.rpartition("/")[2] for p in enabled] == [
        "storageAccounts",
        "vaults",
        "workspaces",
        "components",
        "workspaces",
    ]
    workspace = enabled[-1].body({})
    assert workspace["properties"]["managedNetwork"] == {"isolationMode": "AllowInternetOutbound"}
    assert workspace["properties"]["storageAccount"] == enabled[0].id
    assert len(enabled[-1].waits_for) == 3


# Parameter files lie beside them.
@pytest.mark.parametrize(
    "path",
    sorted(p for p in SDK_TEMPLATES.glob("workspace_*.json") if '"resources"' in p.read_text()),
    ids=lambda p: p.name,
)
def test_expand_sdk_template_has_no_function_that_is_unknown(path: Path) -> None:
    template = json.loads(path.read_text(encoding="utf-8"))
    values = {"string": "text", "object": {}, "array": [], "bool": False, "int": 1}
    given_ = {
        name: {"value": values[definition["type"].lower()]}
        for name, definition in template["parameters"].items()
        if "defaultValue" not in definition
    }
    planned, _, _ = expand(template, given_, scope())
    assert planned
