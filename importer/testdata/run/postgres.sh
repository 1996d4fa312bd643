docker run -d \
    --name some-postgres \
    -e POSTGRES_PASSWORD=mysecretpassword \
    -e PGDATA=/var/lib/postgresql/data/pgdata \
    -v /custom/mount:/var/lib/postgresql/data \
    --shm-size=256m \
    postgres:16-alpine -c shared_buffers=256MB -c max_connections=200
