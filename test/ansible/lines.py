"""A callback plugin of ansible: one JSON object a line for each result, and what it would have shown of a diff."""

import json

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "lines"

    def _line(self, how, result):
        told = dict(result._result)
        diff = self._get_diff(told["diff"]) if "diff" in told else ""
        line = {"host": result._host.get_name(), "task": result._task.get_name(), "how": how, "diff": diff}
        print(json.dumps({**line, "result": told}, default=str), flush=True)

    def v2_runner_on_ok(self, result):
        self._line("changed" if result._result.get("changed") else "ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._line("failed", result)

    def v2_runner_on_unreachable(self, result):
        self._line("unreachable", result)

    def v2_runner_on_skipped(self, result):
        self._line("skipped", result)
