docker run -dit -eA=1 -p8080:80 -vdata:/data -uwww-data -hweb.example.org -w/srv/app --read-only --tmpfs /var/cache:rw,size=64m,mode=0700 --tmpfs /tmp alpine:3.20 sleep inf
