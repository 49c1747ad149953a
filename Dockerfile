# Builds the JavaScript once, then keeps only what runs.
FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without install scripts: the one there is (that of the npm package `node`) would download a second Node.js.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json vite.config.ts ./
COPY src ./src
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json && node node_modules/vite/bin/vite.js build
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:26-slim
LABEL org.opencontainers.image.title="easgate" \
      org.opencontainers.image.description="Exchange ActiveSync gateway" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
# Ready mappings of device managements, e.g. for `easgate import --mapping config/feeds/jamf.yaml`.
COPY config/feeds ./config/feeds
# Writable: the folder of the embedded directory, of the process id and of temporary files; everything else may be read-only.
RUN chmod +x dist/main.js && ln -s /app/dist/main.js /usr/local/bin/easgate \
 && mkdir -p /etc/easgate /var/lib/easgate && chown node:node /var/lib/easgate
# There is no configuration in the image: mount yours as /etc/easgate/easgate.yaml. Every command reads that one.
ENV NODE_ENV=production \
    EASGATE_CONFIG=/etc/easgate/easgate.yaml \
    EASGATE_DATA=/var/lib/easgate \
    TMPDIR=/var/lib/easgate \
    EASGATE_HEALTH_LISTEN=127.0.0.1:8782
VOLUME /var/lib/easgate
USER node
EXPOSE 8780
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s CMD ["easgate", "health"]
ENTRYPOINT ["easgate"]
CMD ["serve", "--config", "/etc/easgate/easgate.yaml"]
