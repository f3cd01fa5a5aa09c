/// Collects problems and the lines of keys while a file is read. Used by one reader on one thread.
final class ProblemList {
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var lines: [String: Int] = [:]

    func add(_ sentence: String, at line: Int?, _ path: String) {
        problems.append(ConfigurationProblem(line: line, path: path, sentence: sentence))
    }

    func note(_ path: String, line: Int?) {
        lines[path] = line
    }
}
