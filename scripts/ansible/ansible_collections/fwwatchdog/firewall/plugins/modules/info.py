#!/usr/bin/python
# Copyright (c) 2026 the fw-watchdog authors
# MIT License, or GNU General Public License v3.0+ (https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: MIT OR GPL-3.0-or-later

DOCUMENTATION = r'''
---
module: info
short_description: Tells the state of fw-watchdog on a host
version_added: 0.1.0
description:
  - Tells whether C(fw-watchdog) is there, whether a session is armed, whether a change of rules waits for its
    confirmation, and whether the firewall was left open.
options: {}
attributes:
  check_mode:
    description: Changes nothing in any case.
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
author:
  - the fw-watchdog authors (@fw-watchdog)
'''

EXAMPLES = r'''
- name: The state is known
  fwwatchdog.firewall.info:
  become: true
  register: watchdog

- name: Nobody changes rules meanwhile
  ansible.builtin.assert:
    that: watchdog.status.change is not defined
'''

RETURN = r'''
installed:
  description: Whether C(fw-watchdog) is there.
  returned: always
  type: bool
version:
  description: Its version.
  returned: when it is installed
  type: str
  sample: 0.1.0
armed:
  description: Whether a session is armed.
  returned: always
  type: bool
status:
  description:
    - What C(fw-watchdog status --json) prints; C(native-notes/json.md) of fw-watchdog has every key. Without a session
      it is empty, or says with the event C(left-open) that the last one has left the firewall open.
  returned: always
  type: dict
  sample: {"event": "status", "secondsLeft": 1799, "onExpiry": "disarm", "provenFromOutside": true}
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fwwatchdog.firewall.plugins.module_utils.programs import run, sentence

NONE_ARMED = 1


def main():
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    path = module.get_bin_path('fw-watchdog')
    if path is None:
        module.exit_json(installed=False, armed=False, status={})

    version = module.run_command([path, '--version'], check_rc=True)[1].split()[-1]
    code, status = run(module, 'fw-watchdog', ['status'])
    if code not in (0, NONE_ARMED):
        module.fail_json(msg=sentence(status), installed=True, version=version)
    armed = code == 0
    known = status if 'event' in status else {}
    module.exit_json(installed=True, version=version, armed=armed, status=known)


if __name__ == '__main__':
    main()
