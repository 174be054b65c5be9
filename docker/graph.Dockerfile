# vicinal's graph service. Build from the repository's root:
#
#   docker build -f docker/graph.Dockerfile -t vicinal-graph .
#   docker run --read-only --tmpfs /tmp -v vicinal:/data -p 127.0.0.1:50052:50052 vicinal-graph
#
# As it stands it keeps its log in /data, with the store that it brings along; say `--redis-url URL` after the
# image's name to use a server instead.

ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Debian's compiler of the day: nothing of it reaches the image.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ \
 && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/vicinal
WORKDIR /src
COPY . .
# Machine code for any CPU of the architecture, not for the one that builds.
ENV HNSWLIB_NO_NATIVE=1
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/vicinal/bin/pip install -c requirements.lock '.[graph]'

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="vicinal graph service" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 vicinal \
 && useradd --uid 10001 --gid vicinal --no-create-home vicinal \
 && install --directory --owner=vicinal --group=vicinal /data
COPY --from=build /opt/vicinal /opt/vicinal
COPY docker/healthy.py /opt/vicinal/healthy.py
# numba keeps its machine code there: lost at the end, and made again for the CPU at hand at the next start.
ENV PATH=/opt/vicinal/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 NUMBA_CACHE_DIR=/tmp/numba
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 50052
STOPSIGNAL SIGTERM
# The start replays the log and compiles: until it is done the service says NOT_SERVING.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s CMD ["python", "/opt/vicinal/healthy.py", "50052"]
ENTRYPOINT ["python", "-m", "graph_service", "--host", "0.0.0.0", "--port", "50052"]
CMD ["--data-dir", "/data"]
