"""A parser of Prometheus' own reads the counts, and dashboard and alerts ask for what there is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from service import Client, Service, users, wrong

DEPLOY = Path(__file__).parents[3] / "deploy"
PREFIX = "otp_reference_"


def parsed(text: str) -> dict[str, list[Any]]:
    """Return the samples of each family by its name; raise ValueError where the text is none."""
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {family.name: family.samples for family in families}


def test_the_counts_are_text_of_prometheus(service: Service) -> None:
    client = Client(service, next(users))
    client.verify(15, wrong(service.code(client.send(15)["recipient_mobile"])))
    text = service.get("/metrics")
    families = parsed(text)
    samples = {sample.name: sample for found in families.values() for sample in found}
    build = samples[PREFIX + "build_info"]
    assert build.value == 1 and re.fullmatch(r"\d+\.\d+\.\d+", build.labels["version"])
    for family, found in families.items():
        assert family.startswith(PREFIX), family
        # Base units, and no unit or kind in the middle of a name.
        assert not re.search(r"_(ms|millis|milliseconds|minutes|kb|percent)(_|$)", family)
        names = {sample.name.removeprefix(family) for sample in found}
        assert names in (set(), {""}, {"_total"}, {"_info"}, {"_bucket", "_count", "_sum"}), names
    pools = families[PREFIX + "pool_places"]
    assert {sample.labels["state"] for sample in pools} == {"in_use", "idle", "waiting"}
    # It can be told from what is no such text.
    for fault in (text.replace("# EOF\n", ""), text.replace("_total{", "{"), text + "x 1\n"):
        with pytest.raises(ValueError):
            parsed(fault)


def asked(name: str) -> set[str]:
    """Return the names of the counts that a file of deploy/ asks for."""
    text = (DEPLOY / name).read_text()
    return set(re.findall(rf"\b{PREFIX}\w+", text))


def test_dashboard_and_alerts_ask_for_counts_that_there_are(service: Service) -> None:
    client = Client(service, next(users))
    client.verify(16, service.code(client.send(16)["recipient_mobile"]))
    families = parsed(service.get("/metrics"))
    known = {sample.name for found in families.values() for sample in found}
    # A family without a sample yet has its name alone.
    known |= {f"{family}_total" for family, found in families.items() if not found}
    for name in ("dashboard.json", "alerts.yml"):
        assert asked(name) and asked(name) <= known, (name, asked(name) - known)
    json.loads((DEPLOY / "dashboard.json").read_text())
