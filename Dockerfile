# docker build -t llm-incident-manager .          (or podman, or buildah; `make image` also tries it)
# docker run -p 8080:8080 -p 9090:9090 -v incidents:/data \
#   -e LLM_IM__WEB__CREDENTIALS='[{name: alertmanager, token: CHANGE-ME}]' llm-incident-manager
#
# In a container it listens on all addresses, so it refuses to start without credentials.

# Another base, such as a mirror's: --build-arg PYTHON_IMAGE=... (with Python 3.11 or newer as `python`).
ARG PYTHON_IMAGE=docker.io/library/python:3.12.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# The packages first: this layer changes only with the lock.
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /venv && python -m venv /build \
 && /venv/bin/pip install --require-hashes -r requirements.lock \
 && /build/bin/pip install --require-hashes -r requirements-build.lock
# All that .dockerignore lets through; pyproject.toml says what of it is installed.
COPY . .
RUN /build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /wheel . \
 && /venv/bin/pip install --no-deps /wheel/*.whl

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data incident-manager \
 && install -d -m 700 -o incident-manager -g incident-manager /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LLM_IM__STORAGE__PATH=/data \
    LLM_IM__WEB__LISTEN_ADDRESS=0.0.0.0:8080 \
    LLM_IM__WEB__METRICS_ADDRESS=0.0.0.0:9090
# What a person may want to copy, such as deploy/incident-manager.yml, which `serve` uses as long as
# no other is named.
RUN incident-manager files --to /usr/share/incident-manager
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080 9090
# With web.route_prefix or another port, give your own --health-cmd to docker run.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=4); c.request('GET', '/-/healthy'); raise SystemExit(c.getresponse().status != 200)"]
# Exec form: signals reach the service, which finishes its commits and ends its server.
ENTRYPOINT ["incident-manager"]
CMD ["serve"]
