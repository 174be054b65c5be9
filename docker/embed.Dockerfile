# vicinal's embedding service. Build from the repository's root:
#
#   docker build -f docker/embed.Dockerfile -t vicinal-embed .
#   docker build -f docker/embed.Dockerfile -t vicinal-embed:gpu --target gpu .
#   docker run --read-only --tmpfs /tmp -p 127.0.0.1:50051:50051 vicinal-embed
#   docker run --read-only --tmpfs /tmp --gpus 1 -p 127.0.0.1:50051:50051 vicinal-embed:gpu
#
# It serves the starter encoder; for another one mount it, and say `--encoder FILE` after the image's name.

ARG PYTHON_IMAGE=python:3.12-slim-bookworm
# What the locked onnxruntime-gpu is made for: CUDA 13 and cuDNN 9. Its Python is 3.12 as well.
ARG CUDA_IMAGE=nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04

FROM ${PYTHON_IMAGE} AS build-cpu
RUN python -m venv /opt/vicinal
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/vicinal/bin/pip install -c requirements.lock '.[embed]'

FROM ${CUDA_IMAGE} AS cuda
# Ubuntu's Python of the day; the venv of the next stage leans on it.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*

FROM cuda AS build-gpu
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/vicinal
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/vicinal/bin/pip install -c requirements.lock '.[gpu]'

FROM cuda AS gpu
LABEL org.opencontainers.image.title="vicinal embedding service (GPU)" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 vicinal \
 && useradd --uid 10001 --gid vicinal --no-create-home vicinal
COPY --from=build-gpu /opt/vicinal /opt/vicinal
COPY docker/healthy.py /opt/vicinal/healthy.py
ENV PATH=/opt/vicinal/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "/opt/vicinal/healthy.py", "50051"]
# Without a GPU it does not start: a container that was meant to have one must not be slow in silence.
ENTRYPOINT ["python", "-m", "embed_service", "--host", "0.0.0.0", "--port", "50051", "--device", "gpu"]

FROM ${PYTHON_IMAGE} AS cpu
LABEL org.opencontainers.image.title="vicinal embedding service" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 vicinal \
 && useradd --uid 10001 --gid vicinal --no-create-home vicinal
COPY --from=build-cpu /opt/vicinal /opt/vicinal
COPY docker/healthy.py /opt/vicinal/healthy.py
ENV PATH=/opt/vicinal/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "/opt/vicinal/healthy.py", "50051"]
ENTRYPOINT ["python", "-m", "embed_service", "--host", "0.0.0.0", "--port", "50051", "--device", "cpu"]
