docker container create --name nat64 -p '[::1]:6464:64' -p 10000-10010:10000-10010/udp -p 9000 --ip6 fd00:1::10 --expose 70 --stop-timeout 90 -l a=b -l c=d docker.io/jool/nat64
