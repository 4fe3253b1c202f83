# Firewall rules by Puppet: fw-apply rehearses them, refuses what would shut your way in, and puts them in force in one
# step. Where they are in force already nothing happens. With --noop nothing is changed, and the difference is shown.
# It cannot prove a new connection, as scripts/ansible does: a Puppet run comes in by none.
#
#   class { 'firewall':
#     source => 'puppet:///modules/profile/firewall.sh',
#     from   => '192.0.2.2',
#   }
#
# @param source a script of iptables, ip6tables, ipset and nft lines, a file of iptables-save, or an nft script
# @param from the address that this machine is administered from; nobody is there to confirm, so this is what is tried
# @param port where ssh listens, such as tcp/2222
# @param file where the rules are kept on this machine
# @param path where fw-apply and the tools of the firewall are
class firewall (
  String $source,
  String $from,
  String $port = 'tcp/22',
  String $file = '/etc/firewall.rules',
  String $path = '/usr/sbin:/usr/bin:/sbin:/bin',
) {
  # Nothing but fw-apply reads it, and that compares with it in a --noop run too.
  file { $file:
    source    => $source,
    owner     => 'root',
    mode      => '0600',
    show_diff => false,
    noop      => false,
  }

  $way_in = "--from ${from} --to ${port}"
  # 0: these rules are in force. Otherwise fw-apply says by itself what it refuses and why.
  $in_force = "fw-apply --check ${way_in} ${file}"

  if $facts['clientnoop'] {
    # 5: would change.
    exec { 'firewall difference':
      command   => $in_force,
      unless    => $in_force,
      returns   => 5,
      logoutput => true,
      noop      => false,
      path      => $path,
      require   => File[$file],
      before    => Exec['firewall rules'],
    }
  }

  exec { 'firewall rules':
    command   => "fw-apply --no-confirm ${way_in} ${file}",
    unless    => $in_force,
    logoutput => true,
    path      => $path,
    require   => File[$file],
  }
}
