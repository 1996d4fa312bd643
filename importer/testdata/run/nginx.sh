docker run --name web -p 8080:80 -v $PWD/html:/usr/share/nginx/html:ro -d nginx:1.27
