"""The OpenAPI document says everything: every route, every answer, with examples that are true."""

import re
from typing import Any

import msgspec
import pytest
from fastapi.routing import APIRoute

from api.app import OPERATIONS, create_app
from api.container import Container
from api.openapi import problems_of
from api.problems import PROBLEM_KINDS
from api.routes.operation import JSON, Content, Operation
from api.settings import Settings
from tests.contract.api.test_access import DOCUMENTATION
from tests.support.served_canteen import ServedCanteen

APP = create_app(Container(Settings()))
DOCUMENT = APP.openapi()
DESCRIBED = [(path, method, said) for path, methods in DOCUMENT["paths"].items() for method, said in methods.items()]
NAMES = [f"{method.upper()} {path}" for path, method, _ in DESCRIBED]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name] if name else schema
    return found


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(each) for each in value.values()))
    return set().union(*(references(each) for each in value)) if isinstance(value, list) else set()


def test_every_route_is_in_the_document_and_nothing_else() -> None:
    routes = {
        (route.path, method.lower())
        for route in APP.routes
        if isinstance(route, APIRoute) and route.path not in DOCUMENTATION and route.methods
        for method in route.methods
    }
    assert {(path, method) for path, method, _ in DESCRIBED} == routes


def test_the_document_is_served(served: ServedCanteen) -> None:
    assert served.get("/openapi.json", role=None).json() == msgspec.json.decode(msgspec.json.encode(DOCUMENT))
    assert served.get("/docs", role=None).status_code == 200


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        assert resolved({"$ref": reference})


def test_operation_ids_are_unique() -> None:
    ids = [said["operationId"] for _, _, said in DESCRIBED]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("path", "method", "said"), DESCRIBED, ids=NAMES)
def test_every_operation_is_described_with_roles_parameters_and_examples(
    path: str, method: str, said: dict[str, Any]
) -> None:
    assert any("一" <= letter <= "鿿" for letter in said["summary"])
    assert len(said["description"]) > 40
    assert "Roles: " in said["description"] or "Needs no key." in said["description"]
    assert bool(said["security"]) == ("Roles: " in said["description"])
    in_path = {parameter["name"] for parameter in said["parameters"] if parameter["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", path))
    for parameter in said["parameters"]:
        assert parameter["description"]
        assert "example" in parameter
        assert parameter["schema"]["type"]
    headers = [parameter["name"] for parameter in said["parameters"] if parameter["in"] == "header"]
    assert ("Idempotency-Key" in headers) == (method != "get")
    for content in said.get("requestBody", {}).get("content", {}).values():
        assert content["schema"]
        assert content["example"]


@pytest.mark.parametrize(("path", "method", "said"), DESCRIBED, ids=NAMES)
def test_every_answer_is_described_problems_included(path: str, method: str, said: dict[str, Any]) -> None:
    for status, answer in said["responses"].items():
        assert answer["description"]
        ((media_type, content),) = answer["content"].items()
        if status == "200" or media_type == "application/json":
            assert content["schema"]
            assert content["example"]
        else:
            assert media_type == "application/problem+json"
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            for code, example in content["examples"].items():
                assert (example["value"]["code"], example["value"]["status"]) == (code, int(status))
    if said["security"]:
        assert {"401", "403"} <= said["responses"].keys()
    if method != "get":
        assert {"400", "409", "503"} <= said["responses"].keys()


def checked(content: Content) -> None:
    """Read an example as what it is an example of, and lose nothing of it."""
    example = dict(content.example) if isinstance(content.example, dict) else content.example
    for name in content.files:
        del example[name]
    read = msgspec.convert(example, content.shape, strict=False)
    told = msgspec.to_builtins(read)
    if isinstance(example, dict):
        assert example.keys() <= told.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.operation_id for operation in OPERATIONS])
def test_every_example_is_what_it_says(operation: Operation) -> None:
    for content in (operation.answer, *operation.takes):
        checked(content)


def test_every_problem_that_an_operation_names_has_a_row() -> None:
    for operation in OPERATIONS:
        assert set(problems_of(operation)) <= PROBLEM_KINDS.keys()


def test_answers_in_json_have_a_schema_with_fields() -> None:
    for operation in OPERATIONS:
        if operation.answer.media_type == JSON:
            said = DOCUMENT["paths"][operation.path][operation.method.lower()]
            schema = said["responses"]["200"]["content"][JSON]["schema"]
            assert resolved(schema)["properties"]


@pytest.mark.parametrize("code", ["checkout_held", "key_required"])
def test_the_type_of_a_problem_leads_to_what_it_means(served: ServedCanteen, code: str) -> None:
    told = served.get(f"/problems/{code}", role=None).json()
    assert told["code"] == code
    assert told["title"]
    assert told["meaning"]
    assert served.get("/problems/no-such-problem", role=None).status_code == 404
