#!/bin/sh
# Starts @PROGRAM@ with the Node.js that came with it. Of the environment only these names come along: nothing that steers
# Node, the dynamic loader or the commands it runs.
@BEFORE@exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${HOME+"HOME=$HOME"} ${USER+"USER=$USER"} \
  ${LOGNAME+"LOGNAME=$LOGNAME"} ${SUDO_USER+"SUDO_USER=$SUDO_USER"} ${SUDO_UID+"SUDO_UID=$SUDO_UID"} ${SUDO_GID+"SUDO_GID=$SUDO_GID"} ${SSH_CONNECTION+"SSH_CONNECTION=$SSH_CONNECTION"} \
  ${TERM+"TERM=$TERM"} ${NO_COLOR+"NO_COLOR=$NO_COLOR"} ${TZ+"TZ=$TZ"} ${LANG+"LANG=$LANG"} ${LC_ALL+"LC_ALL=$LC_ALL"} \
  ${XDG_CONFIG_HOME+"XDG_CONFIG_HOME=$XDG_CONFIG_HOME"} ${RUNTIME_DIRECTORY+"RUNTIME_DIRECTORY=$RUNTIME_DIRECTORY"} \
  ${STATE_DIRECTORY+"STATE_DIRECTORY=$STATE_DIRECTORY"} @CALLER@\
  @LIB@/node @OPTIONS@@LIB@/dist/bin/@START@.js "$@"
