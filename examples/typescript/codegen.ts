import type { CodegenConfig } from "@graphql-codegen/cli";

const scalars = {
  DateTime: "string",
  IdColumn: "string[]",
  TimeColumn: "number[]",
  NumberColumn: "(number | null)[]",
  QualityColumn: "number[]",
  TextColumn: "(string | null)[]",
};

const config: CodegenConfig = {
  schema: "../../schema.graphql", // or the address of the API, with your token in its headers
  documents: ["operations.ts"],
  generates: { "generated/": { preset: "client", config: { useTypeImports: true, documentMode: "string", scalars } } },
  emitLegacyCommonJSImports: false,
};
export default config;
