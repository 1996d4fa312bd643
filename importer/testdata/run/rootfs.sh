podman run --rootfs --name lab --log-driver journald --uts host --ipc=host --pid=host --cgroupns=host /srv/rootfs/lab /usr/bin/lab serve
