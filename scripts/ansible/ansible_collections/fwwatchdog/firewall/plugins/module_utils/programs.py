# Copyright (c) 2026 the fw-watchdog authors
# MIT License, or GNU General Public License v3.0+ (https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: MIT OR GPL-3.0-or-later
"""How the programs of fw-watchdog are run with --json, and what is read of them."""

import json
import re

UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}


def seconds_of(text):
    """A duration such as 30m in seconds; None for anything else."""
    parts = re.fullmatch(r'(\d+)([smhd])', text)
    return None if parts is None else int(parts.group(1)) * UNITS[parts.group(2)]


def objects_in(text):
    """The JSON objects among the lines of a program's standard output, in their order."""
    found = []
    for line in text.split('\n'):
        if line.startswith('{'):
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
    return found


def outcome_of(text, said=''):
    """
    One dictionary of all that was printed, where later objects have the last word. Where nothing was, its message is
    what was said on standard error.
    """
    outcome = {}
    for one in objects_in(text):
        outcome.update(one)
    if not outcome:
        outcome['message'] = said.strip() or 'no answer'
    return outcome


def run(module, program, arguments, data=None):
    """Runs a program with --json. Returns its exit code and the outcome_of what it printed."""
    path = module.get_bin_path(program, required=True)
    code, printed, said = module.run_command([path] + arguments + ['--json'], data=data)
    return code, outcome_of(printed, said)


def sentence(outcome):
    """What people are told: the message, and the hint where there is one."""
    return '; '.join(outcome[key] for key in ('message', 'hint') if outcome.get(key))
