# Copyright (c) 2026 the fw-watchdog authors
# MIT License, or GNU General Public License v3.0+ (https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: MIT OR GPL-3.0-or-later
"""
Copies the rules to the host, has the module apply them with `fw-apply --detach`, and confirms over a new connection.

    this side                              the host
    copy the rules ----------------------> rehearse; in force; waits for its confirmation
    close the connection that stood
    log in anew -------------------------> fw-watchdog status: is it our change that waits?
                                           fw-apply confirm: the guard sees for itself that the connection is new

Whatever goes wrong here, nobody confirms, and the host goes back by itself.
"""

import os
import time

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.fwwatchdog.firewall.plugins.module_utils.programs import outcome_of, seconds_of, sentence

# A host that has gone is noticed within 15 seconds. What the inventory says stands in front, and ssh takes the first.
KEEPALIVE = '-o ServerAliveInterval=5 -o ServerAliveCountMax=3'
# Between two logins that are tried; seconds.
PAUSE = 1


class ActionModule(ActionBase):
    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        confirms = boolean(self._task.args.get('confirm', True)) and not self._play_context.check_mode
        if confirms:
            self._login_for_a_change()
        arguments = self._arguments_with_rules_there()
        began = time.monotonic()
        try:
            made = self._execute_module(module_args=arguments, task_vars=task_vars)
        except AnsibleConnectionFailure as lost:
            if not confirms:
                raise
            return self._after_a_lost_answer(began, str(lost))
        if not confirms or made.get('failed') or made['outcome'].get('event') != 'detached':
            return made
        return self._proven(made)

    # The change

    def _login_for_a_change(self):
        """The next login notices a host that has gone, and a module is never sent twice."""
        if self._connection.transport == 'local':
            raise AnsibleActionFail(
                'over the connection "local" no new one can be proven, so nothing was changed; confirm: false goes on without'
            )
        if self._connection.transport == 'ssh':
            self._connection.reset()
            given = self._connection.get_option('ssh_extra_args') or ''
            self._connection.set_option('ssh_extra_args', ('%s %s' % (given, KEEPALIVE)).strip())
            self._connection.set_option('reconnection_retries', 0)

    def _arguments_with_rules_there(self):
        """The module's arguments, with the rules in a file on the host. Its name stays, which can tell its family."""
        arguments = dict(self._task.args)
        src, content = arguments.get('src'), arguments.get('content')
        if (src is None) == (content is None):
            raise AnsibleActionFail('exactly one of src and content is wanted')
        if content is None and boolean(arguments.get('remote_src', False)):
            return arguments
        shell = self._connection._shell
        if not shell.tmpdir:
            self._make_tmp_path()
        if content is None:
            try:
                local = self._find_needle('files', src)
            except AnsibleError as missing:
                raise AnsibleActionFail(str(missing))
            there = self._transfer_file(local, shell.join_path(shell.tmpdir, os.path.basename(local)))
        else:
            there = self._transfer_data(shell.join_path(shell.tmpdir, 'rules'), arguments.pop('content'))
        self._fixup_perms2((shell.tmpdir, there))
        return dict(arguments, src=there, remote_src=True)

    # The proof

    def _proven(self, made):
        """Confirms a change that waits, over a new connection. The result says how it ended."""
        change, rule = made['change_id'], made.get('rule')
        until = time.monotonic() + made['outcome']['secondsLeft'] + self._grace()
        end, why = self._over_a_new_connection(lambda: self._confirm(change), until)
        stopped = ', stopped by %s' % rule if rule else ''
        if end is None:
            self._leave_the_files()
            return dict(
                made,
                failed=True,
                changed=True,
                msg='no new connection got in after the change%s, nor since (%s); the change goes back by itself, '
                'and nothing is known until the host can be reached again' % (stopped, why),
            )
        result = dict(made, outcome=dict(made['outcome'], **end), msg=sentence(end), changed=True)
        if end.get('id') == change and end.get('event') != 'nothing-to-confirm' and end.get('changed'):
            return result if end.get('exitCode') == 0 else dict(result, failed=True)
        if end.get('id') == change and end.get('event') == 'nothing-to-confirm' and 'why' in end:
            first = 'no new connection got in in time%s (%s)' % (stopped, why)
            return dict(result, failed=True, changed=False, went_back=True, msg='%s: %s' % (first, sentence(end)))
        if end.get('event') == 'rolled-back':
            return dict(result, failed=True, changed=False, went_back=True)
        return dict(result, failed=True, msg='not confirmed from here: %s' % sentence(end))

    def _confirm(self, change):
        """One confirmation of this change, and no other."""
        waiting = self._ask('fw-watchdog status').get('change')
        if waiting and waiting.get('id') != change:
            user = waiting.get('user')
            return {'event': 'change-pending', 'message': 'another change waits there by now, by %s' % user}
        end = self._ask('fw-apply confirm')
        if end.get('event') != 'confirm-refused':
            return end
        # There is a way in, but it was not believed to be a new one: no need to wait for the deadline.
        back = self._ask('fw-apply rollback')
        return dict(back, message='%s; %s' % (sentence(end), sentence(back)), hint=None)

    def _after_a_lost_answer(self, began, lost):
        """The connection broke while rules changed. A change without a name is not confirmed; what is known is told."""
        within = self._confirm_within()
        end, why = self._over_a_new_connection(self._look, time.monotonic() + within + self._grace())
        first = (
            'the connection broke while fw-apply ran (%s); nobody confirms, so what it has changed goes back by itself'
            % lost
        )
        if end is None:
            self._leave_the_files()
            known = 'nothing is known until the host can be reached again (%s)' % why
            return {'failed': True, 'changed': True, 'msg': '%s; %s' % (first, known), 'outcome': {}}
        result = {'failed': True, 'changed': True, 'msg': '%s: %s' % (first, sentence(end)), 'outcome': end}
        ended = end.get('endedMs', 0) / 1000
        if 'why' in end and ended > time.time() - (time.monotonic() - began):
            result.update(changed=False, went_back=True, change_id=end['id'])
        return result

    def _look(self):
        """What is known there; nothing is confirmed."""
        status = self._ask('fw-watchdog status')
        waiting = status.get('change')
        if waiting:
            message = 'a change by %(user)s waits for its confirmation, %(secondsLeft)ss left' % waiting
            return dict(status, message=message)
        if status.get('event') == 'status':
            last = status.get('lastChange')
            return last['outcome'] if last else dict(status, message='the session there knows of no change')
        # Without a session there is nothing that this could confirm, and it tells how the last change ended.
        return self._ask('fw-apply confirm')

    def _grace(self):
        """The time beyond, for the way back and for the network, in seconds."""
        return int(self._task.args.get('grace', 30))

    def _confirm_within(self):
        """The time that the change is given, in seconds."""
        # An hour is the most that fw-apply takes, in whichever way it is written.
        return seconds_of(str(self._task.args.get('confirm_within', '1m'))) or 3600

    def _over_a_new_connection(self, ask, until):
        """
        Tries a new login, and asks over it, until the monotonic time is over.
        Returns the answer, or None, and why the last login failed.
        """
        why = 'none was tried'
        while True:
            try:
                self._connection.reset()
                return ask(), why
            except AnsibleConnectionFailure as failure:
                why = ' '.join(str(failure).split())
            if time.monotonic() >= until:
                return None, why
            time.sleep(PAUSE)

    def _ask(self, command):
        """What a program there answers."""
        ran = self._low_level_execute_command('PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" %s --json' % command)
        return outcome_of(ran['stdout'], ran['stderr'])

    def _leave_the_files(self):
        """There is nobody to remove them, and trying would put another failure in the place of this one."""
        self._connection._shell.tmpdir = None
