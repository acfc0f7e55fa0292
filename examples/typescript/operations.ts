import { graphql } from "./generated/gql.ts";

export const FindDevice = graphql(`
  query FindDevice($name: String!) {
    device(name: $name) { id status { state since } points { id name unit } }
  }
`);

export const LastHour = graphql(`
  query LastHour($points: [ID!]!, $from: DateTime!) {
    series(points: $points, from: $from, maxPoints: 60) { point { id } gaps { from to } columns { time value } }
  }
`);

export const Live = graphql(`
  subscription Live($device: ID!, $resumeFrom: String) {
    readings(devices: [$device], resumeFrom: $resumeFrom) {
      kind reason resumeToken columns { pointId time value quality text }
    }
  }
`);
