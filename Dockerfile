# One image for web, worker, beat and migrations. Nothing but the locked packages and the application is in it.
FROM python:3.11-slim AS packages
WORKDIR /app
RUN python -m venv /venv
COPY requirements-uv.txt requirements.txt ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements-uv.txt \
    && VIRTUAL_ENV=/venv /venv/bin/uv pip sync --no-cache --compile-bytecode --require-hashes requirements.txt \
    && /venv/bin/pip uninstall --yes uv

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PQ_ENV=production BIND=0.0.0.0:8000
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin pqintel
WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
# Settings refuse production without these; the values are used for nothing but collecting the static files.
RUN PQ_BASE_URL=https://build.invalid PQ_SECRET_KEY=build PQ_KEYS=build:$(printf '%064d' 0) \
    DATABASE_URL=postgres://build.invalid/build REDIS_URL=redis://build.invalid EMAIL_URL=smtp://build.invalid:25 \
    python manage.py collectstatic --noinput
USER pqintel
EXPOSE 8000
CMD ["gunicorn", "--config", "python:pqintel.gunicorn", "pqintel.wsgi"]
