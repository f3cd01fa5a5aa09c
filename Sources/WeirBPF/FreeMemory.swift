import CWeirBPF

/// What malloc keeps for later.
public enum FreeMemory {
    /// Gives the kernel back what nobody uses; some milliseconds of this thread.
    public static func giveBack() { weir_give_memory_back() }
}
