import ArgumentParser

/// `-o`: for people or for machines.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json
}
