import CWeirBPF

/// What malloc keeps for later.
public enum FreeMemory {
    /// Gives unused memory back to the kernel; takes some milliseconds of this thread.
    public static func giveBack() { weir_give_memory_back() }
}
