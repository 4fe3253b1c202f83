#!/usr/bin/python
# Copyright (c) 2026 the fw-watchdog authors
# MIT License, or GNU General Public License v3.0+ (https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: MIT OR GPL-3.0-or-later

DOCUMENTATION = r'''
---
module: session
short_description: Arms or disarms a second way in below the firewall
version_added: 0.1.0
description:
  - Arms a session of C(fw-watchdog) on the host, or disarms it.
  - A session that is armed already stays as it is, but for I(at_least); its secrets cannot be compared with yours.
options:
  state:
    description:
      - C(armed) arms a session where there is none. C(disarmed) ends it; a change that waits for its confirmation goes
        back then, and else the firewall stays as it is.
    type: str
    choices: [armed, disarmed]
    default: armed
  secrets:
    description:
      - The secrets that knocks are made with, a line each, as C(fw-knock secret) prints them.
      - To arm a session exactly one of I(secrets) and I(secret_file) is wanted.
    type: list
    elements: str
  secret_file:
    description:
      - A file on the host with these lines, of mode 0600.
    type: path
  timeout:
    description:
      - The length of a new session, C(10s) to C(7d).
    type: str
    default: 30m
  at_least:
    description:
      - A session that is armed already and ends within so many seconds is extended to I(timeout).
    type: int
    default: 0
  on_expiry:
    description:
      - What a new session does at its end.
    type: str
    choices: [disarm, reset, rollback]
    default: disarm
  open_for:
    description:
      - A new session goes back to the rules in force at arming so long after an open.
    type: str
  scope:
    description:
      - What an open of a new session covers.
    type: str
    choices: [all, filter]
    default: all
  interfaces:
    description:
      - A new session hears on these interfaces only.
    type: list
    elements: str
    default: []
  sources:
    description:
      - A new session hears knocks from these networks only.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Says whether a session would be armed, extended or disarmed.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  platform:
    description: Debian with the package fw-watchdog.
    platforms: debian
    support: full
notes:
  - Wants root on the host.
  - Nothing here proves that a knock arrives; C(fw-knock probe) from the workstation does.
author:
  - the fw-watchdog authors (@fw-watchdog)
'''

EXAMPLES = r'''
- name: A second way in is there for the next 20 minutes at least
  fwwatchdog.firewall.session:
    secrets:
      - "{{ vaulted_knock_secret }}"
    timeout: 30m
    at_least: 1200
  become: true

- name: It is over
  fwwatchdog.firewall.session:
    state: disarmed
  become: true
'''

RETURN = r'''
msg:
  description: The outcome, for people.
  returned: always
  type: str
  sample: armed for 30m; not proven from outside
outcome:
  description:
    - What C(fw-watchdog) has printed with C(--json), C(native-notes/json.md) of fw-watchdog has every key. The status,
      where nothing was to be done.
  returned: always
  type: dict
  sample: {"event": "armed", "code": "done", "exitCode": 0, "timeoutSeconds": 1800}
'''

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fwwatchdog.firewall.plugins.module_utils.programs import run, seconds_of, sentence

NONE_ARMED = 1


def argument_spec():
    """The options of the task."""
    return {
        'state': {'type': 'str', 'choices': ['armed', 'disarmed'], 'default': 'armed'},
        'secrets': {'type': 'list', 'elements': 'str', 'no_log': True},
        'secret_file': {'type': 'path', 'no_log': False},
        'timeout': {'type': 'str', 'default': '30m'},
        'at_least': {'type': 'int', 'default': 0},
        'on_expiry': {'type': 'str', 'choices': ['disarm', 'reset', 'rollback'], 'default': 'disarm'},
        'open_for': {'type': 'str'},
        'scope': {'type': 'str', 'choices': ['all', 'filter'], 'default': 'all'},
        'interfaces': {'type': 'list', 'elements': 'str', 'default': []},
        'sources': {'type': 'list', 'elements': 'str', 'default': []},
    }


def timeout_of(module):
    """The timeout, in seconds."""
    seconds = seconds_of(module.params['timeout'])
    if seconds is None:
        module.fail_json(msg='timeout "%s": a duration such as 30m is wanted' % module.params['timeout'])
    return seconds


def done(module, step, changed=True):
    """Ends with the outcome of a program."""
    code, outcome = step
    end = module.exit_json if code == 0 else module.fail_json
    end(msg=sentence(outcome), outcome=outcome, changed=changed and code == 0)


def arm(module):
    """Arms a session. The secrets are in a file of mode 0600 for as long as they are read."""
    params = module.params
    if not params['secrets'] and not params['secret_file']:
        module.fail_json(msg='no session is armed: one of secrets and secret_file is wanted to arm one')
    if module.check_mode:
        module.exit_json(changed=True, msg='a session would be armed', outcome={})

    words = ['arm', '--detach', '--timeout', params['timeout']]
    words += ['--on-expiry', params['on_expiry'], '--scope', params['scope']]
    if params['open_for']:
        words += ['--open-for', params['open_for']]
    for name in params['interfaces']:
        words += ['--interface', name]
    for network in params['sources']:
        words += ['--from', network]
    if params['secret_file']:
        return run(module, 'fw-watchdog', words + ['--secret-file', params['secret_file']])

    handle, path = tempfile.mkstemp(dir=module.tmpdir)
    try:
        with os.fdopen(handle, 'w') as file:
            file.write('\n'.join(params['secrets']) + '\n')
        return run(module, 'fw-watchdog', words + ['--secret-file', path])
    finally:
        os.unlink(path)


def extend(module, left):
    """Lets the session that is armed last for I(timeout) again."""
    if module.check_mode:
        module.exit_json(changed=True, msg='the session would be extended', outcome={})
    more = timeout_of(module) - left
    return run(module, 'fw-watchdog', ['extend', '%ds' % max(more, 1)])


def main():
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=[('secrets', 'secret_file')],
        supports_check_mode=True,
    )
    wanted = module.params['state']
    code, status = run(module, 'fw-watchdog', ['status'])
    if code not in (0, NONE_ARMED):
        module.fail_json(msg=sentence(status), outcome=status)
    armed = code == 0

    if wanted == 'disarmed' and armed:
        if module.check_mode:
            module.exit_json(changed=True, msg='the session would be disarmed', outcome={})
        done(module, run(module, 'fw-watchdog', ['disarm']))
    at_least = module.params['at_least']
    if wanted == 'armed' and at_least > 0 and timeout_of(module) < at_least:
        module.fail_json(msg='at_least is %d: more than timeout, %s' % (at_least, module.params['timeout']))
    if wanted == 'armed' and not armed:
        done(module, arm(module))
    if wanted == 'armed' and status['secondsLeft'] < module.params['at_least']:
        done(module, extend(module, status['secondsLeft']))

    if armed and status['onExpiry'] != module.params['on_expiry']:
        module.warn('the session that is armed already does at its end: %s' % status['onExpiry'])
    message = '%ds of the session are left' % status['secondsLeft'] if armed else 'no session is armed'
    module.exit_json(changed=False, msg=message, outcome=status if 'event' in status else {})


if __name__ == '__main__':
    main()
