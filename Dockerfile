# The programs are bundled: the image that runs holds no node_modules, no package manager's files and nothing that can be written to.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY scripts scripts
COPY src src
RUN node scripts/build.mjs

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/dist dist
COPY templates templates
COPY rollouts rollouts
COPY package.json LICENSE ./
# Whatever the modes of the checkout were: everybody may read, nobody may write.
RUN chmod -R a+rX,a-w .
# By number, so that runAsNonRoot can be checked.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["node", "dist/sluice.js"]
