const path = require("node:path");
const BundleTracker = require("webpack-bundle-tracker");
const MiniCssExtractPlugin = require("mini-css-extract-plugin");

// PUBLIC_PATH: the second build, whose manifest has addresses, and hashes for the `integrity` of the tags.
const publicPath = process.env.PUBLIC_PATH;
const filename = publicPath ? "stats-with-addresses.json" : "stats.json";

module.exports = {
  mode: "production",
  devtool: "source-map",
  entry: { main: "./src/main.js", admin: "./src/admin.js" },
  output: {
    path: path.resolve(__dirname, "webpack_bundles"),
    filename: "[name]-[contenthash].js",
    assetModuleFilename: "img/[name]-[contenthash][ext]",
    ...(publicPath && { publicPath }),
  },
  module: {
    rules: [
      { test: /\.css$/, use: [MiniCssExtractPlugin.loader, "css-loader"] },
      { test: /\.svg$/, type: "asset/resource" },
    ],
  },
  optimization: {
    runtimeChunk: "single",
    splitChunks: { cacheGroups: { shared: { test: /price/, name: "shared", chunks: "initial", enforce: true } } },
  },
  plugins: [
    new MiniCssExtractPlugin({ filename: "[name]-[contenthash].css" }),
    new BundleTracker({ path: __dirname, filename, integrity: Boolean(publicPath), integrityHashes: ["sha256"] }),
  ],
};
