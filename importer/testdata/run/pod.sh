podman run -d --pod new:shop --name web -p 8080:80 --restart on-failure:5 --stop-signal SIGQUIT --stop-timeout 30 docker.io/library/nginx:1.27-alpine
