/// Collects problems and the lines of keys while a file is read. Used by one reader on one thread.
final class ProblemList {
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var lines: [String: Int] = [:]

    /// What of the text was made harmless, because it is no YAML: it has been complained about, and what it was to say is
    /// not missing.
    var repair: YAMLRepair?

    /// A file that is wrong all over is no more wrong for being said so a million times.
    private static let most = 1000

    func add(_ sentence: String, at line: Int?, _ path: String) {
        guard problems.count < Self.most, line.map({ repair?.lines.contains($0) ?? false }) != true else { return }
        problems.append(ConfigurationProblem(line: line, path: path, sentence: sentence))
    }

    func note(_ path: String, line: Int?) {
        lines[path] = line
    }
}
