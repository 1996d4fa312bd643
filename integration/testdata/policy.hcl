# The policy of hosts on which the policy is not what is tested.

paths {
  writable  = ["/srv", "/opt/data", "/mnt"]
  read_only = ["/usr/share"]
}
rootfs {
  directories = ["/srv", "/var/lib/machines"]
}
imports = ["front", "shop", "/srv/site"]

users {
  homes  = ["/srv/shop"]
  groups = ["adm", "audio", "video"]
}
network {
  host_network = ["*"]
  host_ports   = ["*:1-65535"]
}
privileges {
  capabilities = ["chown", "dac_override", "fowner", "kill", "net_admin", "net_bind_service", "net_raw", "setgid", "setuid", "sys_chroot", "sys_ptrace"]
  devices      = ["/dev/*"]
  sysctls      = ["*"]
  system_calls = ["keyctl", "ptrace", "process_vm_readv", "userfaultfd"]
  root         = ["ephemeral", "persistent", "writable"]
  boot         = ["*"]
  rlimits      = ["memlock", "nice", "rtprio"]
  oom_score_adjust = -1000
}
limits {
  unlimited = ["memory", "tasks", "files"]
}
