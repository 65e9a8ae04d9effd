# Gaud in an image: small, not root, data in /app/data, configuration in /app/llm-proxy.toml.
#
#   docker build -t gaud:0.1.0 .
#   docker build -t gaud:0.1.0 --build-arg GAUD_EXTRAS=all .

FROM python:3.12.13-slim-bookworm AS build

# Which providers: the names of extras in pyproject.toml, with commas.
ARG GAUD_EXTRAS=litellm

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

WORKDIR /build
COPY constraints.txt pyproject.toml hatch_build.py LICENSE README.md ./
COPY gaud_core gaud_core
COPY gaud_provider_copilot gaud_provider_copilot
COPY gaud_provider_litellm gaud_provider_litellm
RUN python -m venv /opt/gaud \
 && /opt/gaud/bin/pip install -c constraints.txt ".[${GAUD_EXTRAS}]" \
 && /opt/gaud/bin/gaud --version


FROM python:3.12.13-slim-bookworm

ENV PATH=/opt/gaud/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GAUD_SERVER_HOST=0.0.0.0 \
    GAUD_SERVER_PORT=8400 \
    GAUD_DATA_DIR=/app/data

RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin gaud \
 && mkdir -p /app/data \
 && chown 10001:10001 /app/data
COPY --from=build /opt/gaud /opt/gaud

USER 10001:10001
WORKDIR /app
VOLUME /app/data
EXPOSE 8400

HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ.get('GAUD_SERVER_PORT', '8400') + '/health', timeout=4)"]

CMD ["gaud", "serve"]
