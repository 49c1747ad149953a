# Builds the JavaScript once, then keeps only what runs.
FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM node:26-slim
LABEL org.opencontainers.image.title="easgate" \
      org.opencontainers.image.description="Exchange ActiveSync gateway" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY config ./config
# The embedded directory; mount a volume here. Everything else may be read-only.
RUN mkdir data && chown node:node data
VOLUME /app/data
USER node
EXPOSE 8780
STOPSIGNAL SIGTERM
# Any HTTP answer means that the listener serves; 404 is the one for this path.
HEALTHCHECK --interval=15s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8780/health').then(r => process.exit(r.status === 405 || r.status === 404 ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve", "--config", "config/container.yaml"]
