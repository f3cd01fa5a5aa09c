/// Why a fixture could not do its part: one sentence, and what the program concerned said.
public struct TestError: Error, CustomStringConvertible {
    public let description: String

    public init(_ sentence: String, output: String = "") {
        description = output.isEmpty ? sentence : "\(sentence)\n--- output ---\n\(output)"
    }
}
