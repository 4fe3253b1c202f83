#!/usr/bin/python
# Copyright (c) 2026 the fw-watchdog authors
# MIT License, or GNU General Public License v3.0+ (https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: MIT OR GPL-3.0-or-later

DOCUMENTATION = r'''
---
module: apply
short_description: Changes firewall rules in one step, rehearsed, and back unless proven
version_added: 0.1.0
description:
  - Rehearses a change of firewall rules in a copy of the host, refuses what would shut the way in, and puts it in force
    in one step, by C(fw-apply).
  - Then a new connection to the host is opened, and the change is confirmed over it. Where none gets in, the change
    goes back by itself on the host, and the task fails.
  - Rules that are in force already change nothing.
options:
  src:
    description:
      - The rules. A script of C(iptables), C(ip6tables), C(ipset) and C(nft) lines, a file of C(iptables-save) or
        C(ipset save), or an nft script.
      - A file on the controller, searched in C(files) like that of M(ansible.builtin.copy), unless I(remote_src).
      - Exactly one of I(src) and I(content) is wanted.
    type: path
  content:
    description:
      - The text of the rules.
    type: str
  remote_src:
    description:
      - I(src) is a file on the host.
    type: bool
    default: false
  confirm:
    description:
      - Open a new connection behind the change, and confirm over it.
      - C(false) lets the change stay unproven; the rehearsal alone says that one gets in. This is the only way over the
        connection C(local).
    type: bool
    default: true
  confirm_within:
    description:
      - The change goes back by itself unless it is confirmed in this time, C(5s) to C(1h).
    type: str
    default: 1m
  grace:
    description:
      - A host that does not answer is tried for so many seconds more behind the deadline, to tell what became of the
        change.
    type: int
    default: 30
  save:
    description:
      - Have the rules loaded at boot too, once they are confirmed.
    type: bool
    default: false
  replace_all:
    description:
      - Take away what the rules empty without naming it too, such as the chains of Docker and fail2ban.
    type: bool
    default: false
  force:
    description:
      - Go on although a check refuses, such as that no new connection would get in.
    type: bool
    default: false
  format:
    description:
      - The kind of the rules, where their content does not tell.
    type: str
    choices: [shell, iptables-save, ipset-save, nft]
  family:
    description:
      - The family of a file of C(iptables-save), where its content and name do not tell.
    type: int
    choices: [4, 6]
  from:
    description:
      - The address that the host is administered from, which has to get in. By default that of the login that Ansible
        uses.
    type: str
  to:
    description:
      - The port that has to be reached, such as C(tcp/22). By default that of the login that Ansible uses.
    type: str
  timeout:
    description:
      - The longest that the rehearsal may take.
    type: str
    default: 5m
  secret_file:
    description:
      - A file on the host with the secrets of knocks that are answered while the change waits, where no session is
        armed. By default none is.
    type: path
attributes:
  check_mode:
    description: Rehearses all of it, and changes nothing. What would be refused fails here too.
    support: full
  diff_mode:
    description: Shows the difference to the rules in force.
    support: full
  platform:
    description: Debian with the package fw-watchdog.
    platforms: debian
    support: full
notes:
  - Wants root on the host.
  - The proof is by the connection plugin C(ssh); its ControlPersist connection is closed before the change, and behind
    it. Should the host not answer any more while rules change, that is noticed within 15s by C(ServerAliveInterval),
    unless you have set that.
  - While the new connection does not come up the task waits until the change has gone back, I(confirm_within) and
    I(grace) at most. The other hosts of a batch wait with it.
author:
  - the fw-watchdog authors (@fw-watchdog)
'''

EXAMPLES = r'''
- name: The rules are in force, and proven
  fwwatchdog.firewall.apply:
    src: firewall.sh
    save: true
  become: true

- name: Rules from a template
  fwwatchdog.firewall.apply:
    content: "{{ lookup('ansible.builtin.template', 'firewall.nft.j2') }}"
    confirm_within: 30s
  become: true

- name: On the host itself, such as by ansible-pull
  fwwatchdog.firewall.apply:
    src: firewall.sh
    confirm: false
    from: 192.0.2.2
    to: tcp/22
'''

RETURN = r'''
msg:
  description: The outcome, for people.
  returned: always
  type: str
  sample: "would lock you out: a new connection from 192.0.2.2 to 192.0.2.1 port 22: no answer, stopped by policy DROP"
rule:
  description: The rule that stops a new connection, as far as the rehearsal has found it.
  returned: when a new connection would not get in
  type: str
  sample: "iptables-nft filter INPUT: policy DROP"
change_id:
  description: The name of the change, in C(events.log) on the host too.
  returned: when rules were changed
  type: str
  sample: 5d41402abc4b2a76
went_back:
  description: Whether the rules from before are in force again. Absent where nobody knows.
  returned: when rules were changed and not confirmed
  type: bool
outcome:
  description:
    - What C(fw-apply) has printed with C(--json); C(native-notes/json.md) of fw-watchdog has every key.
  returned: always
  type: dict
  sample: {"event": "confirmed", "code": "done", "exitCode": 0, "changed": true}
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fwwatchdog.firewall.plugins.module_utils.programs import run, sentence

WOULD_CHANGE = 5


def argument_spec():
    """The options of the task, those that its action plugin deals with among them."""
    return {
        'src': {'type': 'path'},
        'content': {'type': 'str'},
        'remote_src': {'type': 'bool', 'default': False},
        'confirm': {'type': 'bool', 'default': True},
        'confirm_within': {'type': 'str', 'default': '1m'},
        'grace': {'type': 'int', 'default': 30},
        'save': {'type': 'bool', 'default': False},
        'replace_all': {'type': 'bool', 'default': False},
        'force': {'type': 'bool', 'default': False},
        'format': {'type': 'str', 'choices': ['shell', 'iptables-save', 'ipset-save', 'nft']},
        'family': {'type': 'int', 'choices': [4, 6]},
        'from': {'type': 'str'},
        'to': {'type': 'str'},
        'timeout': {'type': 'str', 'default': '5m'},
        'secret_file': {'type': 'path', 'no_log': False},
    }


def words(params, check):
    """The arguments of fw-apply."""
    if check:
        said = ['--check']
    elif params['confirm']:
        said = ['--detach', '--confirm-within', params['confirm_within']]
    else:
        said = ['--no-confirm']
    said += ['--timeout', params['timeout']]
    for name in ('save', 'replace_all', 'force'):
        if params[name]:
            said.append('--' + name.replace('_', '-'))
    for name in ('format', 'family', 'from', 'to', 'secret_file'):
        if params[name] is not None:
            said += ['--' + name.replace('_', '-'), str(params[name])]
    return said + [params['src'] or '-']


def main():
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=[('src', 'content')],
        required_one_of=[('src', 'content')],
        supports_check_mode=True,
    )
    arguments = words(module.params, module.check_mode)
    code, outcome = run(module, 'fw-apply', arguments, data=module.params['content'])

    difference = outcome.pop('difference', [])
    result = {'msg': sentence(outcome), 'outcome': outcome, 'changed': bool(outcome.get('changed'))}
    if 'rule' in outcome:
        result['rule'] = outcome['rule']
    if 'id' in outcome:
        result['change_id'] = outcome['id']
    if module._diff:
        result['diff'] = {'prepared': ''.join(line + '\n' for line in difference)}
    for path in outcome.get('writes', []):
        module.warn('the script would write %s; it is not written' % path)
    for note in outcome.get('notes', []):
        module.warn(note)

    if code in (0, WOULD_CHANGE):
        module.exit_json(**result)
    module.fail_json(**result)


if __name__ == '__main__':
    main()
