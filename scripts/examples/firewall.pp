# Firewall rules by Puppet: fw-apply rehearses them, refuses what would shut your way in, and puts them in force in one
# step. Where they are in force already nothing happens.
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
  file { $file:
    source => $source,
    owner  => 'root',
    mode   => '0600',
  }

  exec { 'firewall rules':
    command => "fw-apply --no-confirm --from ${from} --to ${port} ${file}",
    # 0: these rules are in force. Otherwise fw-apply says by itself what it refuses and why.
    unless  => "fw-apply --check --from ${from} --to ${port} ${file}",
    path    => $path,
    require => File[$file],
  }
}
