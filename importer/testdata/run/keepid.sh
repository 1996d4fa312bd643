podman run -it --rm --userns=keep-id:uid=1000,gid=1000 -v ./src:/src -w /src --entrypoint '["/bin/bash","-lc"]' localhost/dev:latest "make all && echo \$HOME"
