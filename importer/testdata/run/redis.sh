$ docker run --name cache -d redis:7 redis-server --save 60 1 --loglevel warning
