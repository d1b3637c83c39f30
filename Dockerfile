# Two images from one file: `--target service` answers requests, `--target trainer` trains.

FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/recsvc
# Every package has the version and the hash of the lock; `make lock` renews both locks.
COPY requirements.lock ./
RUN /opt/recsvc/bin/pip install --no-cache-dir --only-binary :all: --require-hashes \
    --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY recsvc recsvc
COPY training training
# The lock holds setuptools too, so that the build downloads nothing.
RUN /opt/recsvc/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM build AS build-trainer
COPY requirements-train.lock ./
RUN /opt/recsvc/bin/pip install --no-cache-dir --only-binary :all: --require-hashes \
    --requirement requirements-train.lock

FROM python:3.13-slim AS runtime
RUN useradd --uid 10001 --create-home --home-dir /home/recsvc recsvc \
    && install -d -o recsvc -g recsvc -m 700 /data /var/cache/recsvc
ENV PATH=/opt/recsvc/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RECSVC_DATA_DIR=/data \
    NUMBA_CACHE_DIR=/var/cache/recsvc
VOLUME /data
USER recsvc
WORKDIR /home/recsvc

FROM runtime AS trainer
USER root
# LightGBM and implicit are built with OpenMP, whose library the slim image lacks.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
USER recsvc
ENV OPENBLAS_NUM_THREADS=1
COPY --from=build-trainer /opt/recsvc /opt/recsvc
ENTRYPOINT ["recsvc-train"]
CMD ["--help"]

# Last, so that a build without --target makes the service.
FROM runtime AS service
COPY --from=build /opt/recsvc /opt/recsvc
# The loops of a request, for this machine's kind of processor; another kind compiles them at start.
RUN python -c 'from recsvc.model.kernels import jit, kernels; jit.compile_all()'
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["recsvc"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--workers", "2"]
