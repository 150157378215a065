"""Helm's own engine and the schemas of Kubernetes, for kubernetes.test.ts.

Reads one JSON object per line, and answers each with one: {"lint", "manifests"} of a chart with its values, {"error"}
of one that Helm refuses, or {"invalid"} of manifests that no Kubernetes of that version takes.
"""

import json
import sys

import helm_python as helm
import kubernetes_validate


def render(chart, values, name, kube_version):
    try:
        read = helm.values_from_yaml(values)
        report = helm.lint(chart, read, strict=True, kube_version=kube_version)
        with helm.Chart.load(chart) as loaded:
            loaded.validate_schema(read)
            return {"lint": report["errors"], "manifests": loaded.render(read, name=name, namespace="streams")}
    except helm.HelmError as error:
        return {"error": str(error)}


def invalid(objects, version):
    found = []
    for one in objects:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{one['kind']}: {error.message}")
    return {"invalid": found}


for line in sys.stdin:
    question = json.loads(line)
    answer = invalid(**question) if "objects" in question else render(**question)
    print(json.dumps(answer), flush=True)
