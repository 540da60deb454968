package org.eclipse.openj9.criu;

import java.nio.file.Path;
import openj9.internal.criu.InternalCRIUSupport;

/**
 * The public interface. With {@code -Dstandin.openj9=early} it has the native itself, with fourteen
 * arguments, as builds before 2024 had.
 */
public final class CRIUSupport {

  /** Whether a hook runs beside the application's threads, or while they are stopped. */
  public enum HookMode {
    SINGLE_THREAD_MODE,
    CONCURRENT_MODE
  }

  private static final CRIUSupport singleton = new CRIUSupport();
  private static final InternalCRIUSupport internal = InternalCRIUSupport.getInternalCRIUSupport();

  static {
    loadLibrary();
  }

  private CRIUSupport() {}

  @SuppressWarnings("restricted") // A lint category of later compilers.
  private static void loadLibrary() {
    System.load(System.getProperty("standin.lib"));
  }

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
      String envFile);

  public static CRIUSupport getCRIUSupport() {
    return singleton;
  }

  public CRIUSupport setImageDir(Path dir) {
    internal.setImageDir(dir);
    return this;
  }

  public CRIUSupport setWorkDir(Path dir) {
    internal.setWorkDir(dir);
    return this;
  }

  public CRIUSupport setTCPEstablished(boolean established) {
    internal.setTCPEstablished(established);
    return this;
  }

  public CRIUSupport setExtUnixSupport(boolean support) {
    internal.setExtUnixSupport(support);
    return this;
  }

  public CRIUSupport registerPreCheckpointHook(Runnable hook) {
    return registerPreCheckpointHook(
        hook, HookMode.SINGLE_THREAD_MODE, InternalCRIUSupport.LOWEST_USER_HOOK_PRIORITY);
  }

  public CRIUSupport registerPreCheckpointHook(Runnable hook, HookMode mode, int priority) {
    internal.registerPreCheckpointHook(hook, of(mode), priority);
    return this;
  }

  public CRIUSupport registerPostRestoreHook(Runnable hook) {
    return registerPostRestoreHook(
        hook, HookMode.SINGLE_THREAD_MODE, InternalCRIUSupport.LOWEST_USER_HOOK_PRIORITY);
  }

  public CRIUSupport registerPostRestoreHook(Runnable hook, HookMode mode, int priority) {
    internal.registerPostRestoreHook(hook, of(mode), priority);
    return this;
  }

  private static InternalCRIUSupport.HookMode of(HookMode mode) {
    return mode == HookMode.SINGLE_THREAD_MODE
        ? InternalCRIUSupport.HookMode.SINGLE_THREAD_MODE
        : InternalCRIUSupport.HookMode.CONCURRENT_MODE;
  }

  public synchronized void checkpointJVM() {
    try {
      if ("early".equals(System.getProperty("standin.openj9"))) {
        InternalCRIUSupport.runHooksBeforeCheckpoint();
        checkpointJVMImpl(
            internal.imageDir(),
            false,
            false,
            false,
            2,
            "criu.log",
            false,
            null,
            false,
            false,
            false,
            false,
            null,
            "early");
      } else {
        internal.checkpointJVM();
      }
    } catch (openj9.internal.criu.JVMCheckpointException e) {
      throw new JVMCheckpointException(e.getMessage(), 0, e);
    } catch (openj9.internal.criu.JVMRestoreException e) {
      throw new JVMRestoreException(e.getMessage(), 0, e);
    } catch (openj9.internal.criu.SystemCheckpointException e) {
      throw new SystemCheckpointException(e.getMessage(), 0, e);
    } catch (openj9.internal.criu.SystemRestoreException e) {
      throw new SystemRestoreException(e.getMessage(), 0, e);
    }
  }
}
