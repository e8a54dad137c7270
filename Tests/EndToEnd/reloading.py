"""Changing the configuration of a Steward that serves."""

import json
import os
import re
import signal

from harness import get, merge, wait_until
from providers import CHAT
from test_upstream_resilience import metric

RELOADS = "steward_configuration_reloads_total"


def value(steward, name):
    return float(re.search(rf"^{name} (\S+)", get(steward.telemetry + "/metrics")[1], re.M).group(1))


def write(steward, settings):
    """As editors and Kubernetes do: the file is there all the time, and is never half."""
    new = steward.config.with_suffix(".new")
    new.write_text(settings if isinstance(settings, str) else json.dumps(settings, indent=1))
    os.replace(new, steward.config)


def settings_of(steward, **changes):
    return merge(json.loads(steward.config.read_text()), changes)


def reload(steward, settings=None, result="applied"):
    """Sends SIGHUP and waits for what comes of it."""
    if settings is not None:
        write(steward, settings)
    before = metric(steward, RELOADS, result=result)
    steward.program.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: metric(steward, RELOADS, result=result) == before + 1, 60), steward.program.text()[-3000:]


def component(steward):
    status, text = get(steward.telemetry + "/health/ready")
    return status, json.loads(text)["components"]["configuration"]


def guidelines(title, category="privacy", verdict="redact"):
    return f"""
title: {title}
language: en
published: 2026-12-01
introduction: Read them.
clauses:
  - id: {title.lower()}
    title: {title}
    kind: prohibited
    text: Keep it.
    enforcement:
      - {{categories: [{category}], prompt: {verdict}, completion: redact}}
    examples: {{meant: [One.], not_meant: [Another.]}}
"""


def rules(*words):
    return "rules:\n" + "".join(
        f"  - {{id: house/{word}, category: privacy, pattern: '\\b{word}\\b', matches: [{word}], non_matches: [x]}}\n"
        for word in words)


def said(text):
    return merge(CHAT, {"choices": [
        {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})


def models(*servers, name="rehearsal", **more):
    return [{"name": name, "upstreams": [{"name": f"server-{number}", "url": server.url, **more}
                                         for number, server in enumerate(servers)]}]
