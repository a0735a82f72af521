# The program on a CPU, with its page and the networks for photographs: `docker compose up --build`, see compose.yaml.
FROM python:3.12-slim

RUN pip install --no-cache-dir "uv>=0.7"
WORKDIR /opt/sld
COPY . .
# The versions are those that were tested; the backend "cpu" keeps gigabytes of CUDA packages away.
ARG TORCH_BACKEND=cpu
ARG EXTRAS=photo,web,mcp
# no-models.txt: without the libraries of models, for a process whose models are in a worker (docs/workers.md).
ARG UV_OVERRIDE
RUN uv pip install --system --no-cache --torch-backend "$TORCH_BACKEND" -c constraints.txt ".[$EXTRAS]"

# Fetched networks go into one volume, sessions and runs into another; the program needs to write nowhere else.
RUN useradd --create-home --uid 1000 sld && mkdir -p /data /weights && chown sld /data /weights
USER sld
ENV XDG_CACHE_HOME=/weights HF_HOME=/weights/huggingface PYTHONUNBUFFERED=1
WORKDIR /data
VOLUME ["/data", "/weights"]
EXPOSE 8080
ENTRYPOINT ["sld"]
# Any address but 127.0.0.1 needs a token: SLD_TOKEN, or one that is made and printed.
CMD ["serve", "--host", "0.0.0.0"]
