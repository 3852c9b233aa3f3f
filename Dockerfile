# syntax=docker/dockerfile:1
#
# One image for every role; the command decides: busbar serve | worker | migrate.

FROM python:3.13-slim AS build
ENV UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src

# The installer itself is pinned by hash too (linux/amd64 and linux/arm64).
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /dev/stdin <<'PIN'
uv==0.13.9 \
    --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19 \
    --hash=sha256:5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe
PIN

# lock.txt also holds the embedded servers and the developer's tools, which have no place in
# production. So pyproject.toml says what is wanted (its dependencies, no extra), and the lock is
# only a constraint: it fixes every version and gives the hashes. A package that the lock does not
# hash, or whose hash differs, stops the build.
COPY pyproject.toml lock.txt ./
RUN uv venv /opt/busbar \
 && uv pip install --python /opt/busbar/bin/python --compile-bytecode \
      --require-hashes --requirements pyproject.toml --constraints lock.txt

# The build backend comes from the same lock.
COPY README.md LICENSE ./
COPY app app
COPY workers workers
COPY migrations migrations
RUN uv build --wheel --require-hashes --build-constraints lock.txt --out-dir /dist \
 && uv pip install --python /opt/busbar/bin/python --compile-bytecode --no-deps /dist/*.whl


FROM python:3.13-slim
LABEL org.opencontainers.image.title="Busbar" \
      org.opencontainers.image.description="Self-hosted job gateway for LLM completions" \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, not a name: orchestrators can then prove that the user is not root.
RUN groupadd --gid 10001 busbar \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin busbar
COPY --from=build /opt/busbar /opt/busbar
# Bytecode was compiled above and the root file system is read-only.
ENV PATH=/opt/busbar/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
# The API, and a worker's counters where BUSBAR_METRICS_PORT says so.
EXPOSE 8080 9100
# The exec form: the process gets SIGTERM itself, and drains.
CMD ["busbar", "--help"]
