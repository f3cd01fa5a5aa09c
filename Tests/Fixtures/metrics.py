#!/usr/bin/env python3
"""metrics.py URL: scrapes an OpenMetrics page with the reference parser and prints its samples as JSON:
{"content_type": "...", "types": {family: type}, "samples": [{"name", "labels", "value"}]}."""
import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

with urllib.request.urlopen(sys.argv[1], timeout=30) as page:
    content_type = page.headers["Content-Type"]
    families = list(text_string_to_metric_families(page.read().decode()))
series = [(sample.name, tuple(sorted(sample.labels.items()))) for family in families for sample in family.samples]
if len(series) != len(set(series)):
    sys.exit(f"a series comes twice, for which Prometheus refuses the page: {max(series, key=series.count)}")
json.dump({
    "content_type": content_type,
    "types": {family.name: family.type for family in families},
    "samples": [
        {"name": sample.name, "labels": sample.labels, "value": sample.value}
        for family in families for sample in family.samples
    ],
}, sys.stdout)
