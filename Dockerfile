# oddsbridge as an image: `docker build -t oddsbridge .` — docs/deployment.md tells how to run it.
#
# The base is pinned by its tag, which gets Python's and Debian's security updates at each build with --pull. For builds
# that are the same bit by bit, pin the digest too: --build-arg PYTHON=3.13-slim-trixie@sha256:…
ARG PYTHON=3.13-slim-trixie


# 1. The wheel, built by the pinned build backend.
FROM python:${PYTHON} AS wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/
RUN python -m pip install --require-hashes --only-binary=:all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
RUN python -m hatchling build -t wheel -d /dist


# 2. The virtual environment: each dependency is the pinned one, checked by its hash, and then the wheel. No compiler is
#    needed: everything comes as wheels, for amd64 and arm64.
FROM python:${PYTHON} AS environment
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/oddsbridge
COPY requirements/run.txt requirements/
RUN python -m pip --python /opt/oddsbridge/bin/python install --require-hashes --only-binary=:all: -r requirements/run.txt
COPY --from=wheel /dist /dist
RUN python -m pip --python /opt/oddsbridge/bin/python install --no-index --no-deps /dist/*.whl \
 && /opt/oddsbridge/bin/oddsbridge --version


# 3. What runs: Python, the environment, and a user who may do nothing else.
FROM python:${PYTHON} AS oddsbridge
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="oddsbridge" \
      org.opencontainers.image.description="Carries the OpticOdds Server-Sent-Events feeds into Apache Kafka, exactly once." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

RUN groupadd --gid 10001 oddsbridge \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin oddsbridge
COPY --from=environment /opt/oddsbridge /opt/oddsbridge

# It writes nothing to disk: the bytecode was compiled above. What the working directory holds is never imported.
ENV PATH=/opt/oddsbridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1 \
    HEALTH=127.0.0.1:9464/livez
# A number, so that orchestrators can see that it isn't root.
USER 10001:10001
WORKDIR /
EXPOSE 9464

# Alive, not ready: a container is restarted for a loop that no longer turns, never for an outage of Kafka or upstream.
# HEALTH is host:port/path, for an admin.listen with another port.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client, os; host, _, path = os.environ['HEALTH'].partition('/'); c = http.client.HTTPConnection(host, timeout=4); c.request('GET', '/' + path); raise SystemExit(c.getresponse().status != 200)"]

# Exec form, so the bridge is process 1 and gets the signal itself; it has handlers of its own and no children, so it
# needs no init. SIGTERM drains (process.drain_s, 10 s by default): give it more time than that before the kill.
STOPSIGNAL SIGTERM
ENTRYPOINT ["oddsbridge"]
CMD ["run", "-c", "/etc/oddsbridge/oddsbridge.toml"]
