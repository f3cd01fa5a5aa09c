/// One thing that is wrong with a configuration file.
public struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
    /// In the file, from 1; nil when it is about the whole file.
    public let line: Int?
    /// The key: "workloads[0].proxy.outbound"; empty for the whole file.
    public let path: String
    /// One sentence without a full stop.
    public let sentence: String

    public init(line: Int?, path: String, sentence: String) {
        self.line = line
        self.path = path
        self.sentence = sentence
    }

    public var description: String { (path.isEmpty ? sentence : "\(path): \(sentence)").printable }
}
