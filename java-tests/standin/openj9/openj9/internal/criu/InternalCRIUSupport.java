package openj9.internal.criu;

import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Objects;

/** What both public interfaces end in: the options of a dump, the hooks, and the native. */
public final class InternalCRIUSupport {

  /** Whether a hook runs beside the application's threads, or while they are stopped. */
  public enum HookMode {
    SINGLE_THREAD_MODE,
    CONCURRENT_MODE
  }

  public static final int LOWEST_USER_HOOK_PRIORITY = 0;
  public static final int HIGHEST_USER_HOOK_PRIORITY = 99;

  private static final InternalCRIUSupport singleton = new InternalCRIUSupport();

  static {
    loadLibrary();
  }

  private String imageDir = Paths.get("").toAbsolutePath().toString();
  private boolean leaveRunning;
  private boolean shellJob;
  private boolean extUnixSupport;
  private int logLevel = 2;
  private String logFile = "criu.log";
  private boolean fileLocks;
  private String workDir;
  private boolean tcpEstablished;

  private InternalCRIUSupport() {}

  @SuppressWarnings("restricted") // A lint category of later compilers.
  private static void loadLibrary() {
    System.load(System.getProperty("standin.lib"));
  }

  // As of 2025; earlier builds had fewer of these.
  private static native void checkpointJVMImpl(
      String imageDir,
      boolean leaveRunning,
      boolean shellJob,
      boolean extUnixSupport,
      int logLevel,
      String logFile,
      boolean fileLocks,
      String workDir,
      boolean tcpEstablished,
      boolean autoDedup,
      boolean trackMemory,
      boolean unprivileged,
      String optionsFile,
      String envFile,
      long ghostFileLimit,
      boolean tcpClose,
      boolean tcpSkipInFlight);

  public static InternalCRIUSupport getInternalCRIUSupport() {
    return singleton;
  }

  public static boolean isCRaCSupportEnabled() {
    return getCRaCCheckpointToDir() != null;
  }

  /** Stands for {@code -XX:CRaCCheckpointTo}. */
  public static String getCRaCCheckpointToDir() {
    return System.getProperty("standin.CRaCCheckpointTo");
  }

  public InternalCRIUSupport setImageDir(Path dir) {
    imageDir = dir.toAbsolutePath().toString();
    return this;
  }

  public InternalCRIUSupport setWorkDir(Path dir) {
    workDir = dir.toAbsolutePath().toString();
    return this;
  }

  public InternalCRIUSupport setLeaveRunning(boolean leave) {
    leaveRunning = leave;
    return this;
  }

  public InternalCRIUSupport setShellJob(boolean job) {
    shellJob = job;
    return this;
  }

  public InternalCRIUSupport setExtUnixSupport(boolean support) {
    extUnixSupport = support;
    return this;
  }

  public InternalCRIUSupport setLogLevel(int level) {
    logLevel = level;
    return this;
  }

  public InternalCRIUSupport setLogFile(String file) {
    logFile = file;
    return this;
  }

  public InternalCRIUSupport setFileLocks(boolean locks) {
    fileLocks = locks;
    return this;
  }

  public InternalCRIUSupport setTCPEstablished(boolean established) {
    tcpEstablished = established;
    return this;
  }

  public InternalCRIUSupport registerPreCheckpointHook(Runnable hook, HookMode mode, int priority) {
    check(hook, mode, priority);
    CheckpointHooks.addPreCheckpoint(
        mode,
        priority,
        () -> {
          try {
            hook.run();
          } catch (Throwable t) {
            throw new JVMCheckpointException(
                "Exception thrown when running user pre-checkpoint ", 0, t);
          }
        });
    return this;
  }

  public InternalCRIUSupport registerPostRestoreHook(Runnable hook, HookMode mode, int priority) {
    check(hook, mode, priority);
    CheckpointHooks.addPostRestore(
        mode,
        priority,
        () -> {
          try {
            hook.run();
          } catch (Throwable t) {
            throw new JVMRestoreException("Exception thrown when running user post-restore ", 0, t);
          }
        });
    return this;
  }

  private static void check(Runnable hook, HookMode mode, int priority) {
    Objects.requireNonNull(hook);
    Objects.requireNonNull(mode);
    if (priority < LOWEST_USER_HOOK_PRIORITY || priority > HIGHEST_USER_HOOK_PRIORITY) {
      throw new UnsupportedOperationException("not a priority of users: " + priority);
    }
  }

  public synchronized void checkpointJVM() {
    CheckpointHooks.runPreCheckpointConcurrently();
    System.gc();
    checkpointJVMImpl(
        imageDir,
        leaveRunning,
        shellJob,
        extUnixSupport,
        logLevel,
        logFile,
        fileLocks,
        workDir,
        tcpEstablished,
        false,
        false,
        false,
        null,
        null,
        -1L,
        false,
        false);
    CheckpointHooks.runPostRestoreConcurrently();
  }

  /** For the public class where it plays an early build. */
  public String imageDir() {
    return imageDir;
  }

  /** For the public class where it plays an early build. */
  public static void runHooksBeforeCheckpoint() {
    CheckpointHooks.runPreCheckpointConcurrently();
  }
}
