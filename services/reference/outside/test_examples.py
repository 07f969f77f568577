"""Each answer in the OpenAPI documents has an example of its form."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

FOLDER = Path(__file__).parents[1]

Document = dict[str, Any]


def faults(document: Document) -> list[str]:
    """Return which answers have no example, an example of another form, or a form without one."""
    components = {"components": document["components"]}
    found: list[str] = []

    def is_of(schema: Document, value: object) -> bool:
        return jsonschema_rs.validator_for({**schema, **components}).is_valid(value)

    for path, operations in {**document["paths"], **document.get("webhooks", {})}.items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                for media in answer["content"].values():
                    where = f"{method} {path} {status}"
                    given = [one["value"] for one in media.get("examples", {}).values()]
                    given += [media["example"]] if "example" in media else []
                    if not given:
                        found.append(f"{where}: no example")
                    odd = [value for value in given if not is_of(media["schema"], value)]
                    found += [f"{where}: {value}" for value in odd]
                    for form in forms(document, media["schema"]):
                        inner = [value.get("result", value) for value in given if odd == []]
                        if odd == [] and not any(is_of(form, value) for value in inner):
                            found.append(f"{where}: no example of {form}")
            schemes = {name for need in operation.get("security", []) for name in need}
            known = document["components"].get("securitySchemes", {})
            found += [f"{method} {path}: no scheme {name}" for name in schemes - set(known)]
    return found


def forms(document: Document, schema: Document) -> list[Document]:
    """Return the forms that an answer may have, where there are several."""
    if name := schema.get("$ref", "").removeprefix("#/components/schemas/"):
        schema = document["components"]["schemas"][name]
    found: list[Document] = []
    for one in schema.get("anyOf") or schema.get("oneOf") or []:
        result = one.get("properties", {}).get("result")
        found += result["anyOf"] if result else [one]
    return found


@pytest.mark.parametrize(("name", "least"), [("openapi.json", 20), ("admin-openapi.json", 50)])
def test_case_703_each_answer_has_an_example_of_its_form(name: str, least: int) -> None:
    text = (FOLDER / name).read_text()
    document = json.loads(text)
    assert faults(document) == []
    assert "demo" not in text.lower()
    assert document["components"]["securitySchemes"]
    assert text.count('"responses"') > 5 and text.count('"description"') > least


def test_case_703_an_example_that_is_missing_or_wrong_is_found() -> None:
    text = (FOLDER / "openapi.json").read_text()
    answer = json.loads(text)["paths"]["/api/esms_otp/send_esms_otp"]["post"]["responses"]
    examples = answer["200"]["content"]["application/json"]["examples"]
    once = {"sent": "Sent", "limited": "Limited", "locked": "Locked", "logged_out": "LoggedOut"}
    assert set(once) < set(examples)
    for name in examples:
        document = json.loads(text)
        post = document["paths"]["/api/esms_otp/send_esms_otp"]["post"]
        media = post["responses"]["200"]["content"]["application/json"]
        media["examples"][name]["value"]["jsonrpc"] = 2
        assert len(faults(document)) == 1, name
        del media["examples"][name]
        if name == "sent":
            del media["examples"]["sent_before"]
        lacking = [f"no example of {{'$ref': '#/components/schemas/{once.get(name)}'}}"]
        said = [fault.partition("200: ")[2] for fault in faults(document)]
        assert said == (lacking if name in once else []), (name, said)
    document = json.loads(text)
    del document["components"]["securitySchemes"]
    assert len([fault for fault in faults(document) if "no scheme login" in fault]) == 4
    document = json.loads(text)
    del document["paths"]["/health/ready"]["get"]["responses"]["503"]["content"][
        "application/json"
    ]["example"]
    assert faults(document) == ["get /health/ready 503: no example"]
