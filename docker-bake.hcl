# The image for both kinds of processors, with its list of parts (SBOM) and how it was built (provenance), pushed:
#
#   deploy/image/pin && IMAGE=registry.example.com/fastify-kafka-sse VERSION=0.1.0 docker buildx bake --push
#
# librdkafka is compiled for each platform. Let machines of either kind do it (docker buildx create --append), because
# an emulated one takes many times as long.

variable "IMAGE" {
  default = "fastify-kafka-sse"
}

variable "VERSION" {
  default = "latest"
}

group "default" {
  targets = ["server"]
}

target "server" {
  context    = "."
  dockerfile = "Dockerfile"
  tags       = ["${IMAGE}:${VERSION}"]
  platforms  = ["linux/amd64", "linux/arm64"]
  attest     = ["type=sbom", "type=provenance,mode=max"]
  labels = {
    "org.opencontainers.image.title"    = "fastify-kafka-sse"
    "org.opencontainers.image.version"  = "${VERSION}"
    "org.opencontainers.image.licenses" = "Apache-2.0"
    "org.opencontainers.image.source"   = "https://github.com/fastify-kafka-sse/fastify-kafka-sse"
  }
}
