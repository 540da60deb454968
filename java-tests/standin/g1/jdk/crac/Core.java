package jdk.crac;

import jdk.crac.impl.CheckpointOpenFileException;
import jdk.crac.impl.CheckpointOpenResourceException;
import jdk.crac.impl.CheckpointOpenSocketException;
import jdk.crac.impl.JDKContext;
import jdk.crac.impl.OrderedContext;
import jdk.internal.standin.Vm;

/**
 * The checkpoint as early 17 builds and Dragonwell 11 take it: when Java code has objected, the VM
 * still looks for what it has to object to, in a dry run.
 */
public class Core {
  private static final int JVM_CHECKPOINT_OK = 0;
  private static final int JVM_CHECKPOINT_ERROR = 1;
  private static final int JVM_CHECKPOINT_NONE = 2;

  private static final int JVM_FAIL = 0;
  private static final int JVM_FAIL_FILE = 1;
  private static final int JVM_FAIL_SOCK = 2;
  private static final int JVM_FAIL_PIPE = 3;

  private static final Object checkpointRestoreLock = new Object();
  private static boolean checkpointInProgress = false;

  private static final Context<Resource> globalContext = new OrderedContext();

  static {
    Vm.ensureLoaded();
  }

  private Core() {}

  /** Returns {Integer result, String arguments, String[] properties, int[] codes, String[]}. */
  private static native Object[] checkpointRestore0(boolean dryRun, long jcmdStream);

  public static Context<Resource> getGlobalContext() {
    return globalContext;
  }

  private static void translateJVMExceptions(
      int[] codes, String[] messages, CheckpointException problems) {
    for (int i = 0; i < codes.length; ++i) {
      switch (codes[i]) {
        case JVM_FAIL_FILE:
          problems.addSuppressed(new CheckpointOpenFileException(messages[i]));
          break;
        case JVM_FAIL_SOCK:
          problems.addSuppressed(new CheckpointOpenSocketException(messages[i]));
          break;
        case JVM_FAIL:
        case JVM_FAIL_PIPE:
        default:
          problems.addSuppressed(new CheckpointOpenResourceException(messages[i]));
          break;
      }
    }
  }

  private static void checkpointRestore1() throws CheckpointException, RestoreException {
    CheckpointException problems = new CheckpointException();
    try {
      globalContext.beforeCheckpoint(null);
    } catch (CheckpointException e) {
      for (Throwable suppressed : e.getSuppressed()) {
        problems.addSuppressed(suppressed);
      }
    }
    try {
      JDKContext.beforeCheckpoint();
    } catch (CheckpointException e) {
      for (Throwable suppressed : e.getSuppressed()) {
        problems.addSuppressed(suppressed);
      }
    }

    boolean dryRun = problems.getSuppressed().length > 0;
    Object[] bundle = checkpointRestore0(dryRun, 0);
    int result = bundle != null ? (Integer) bundle[0] : JVM_CHECKPOINT_NONE;
    switch (result) {
      case JVM_CHECKPOINT_OK:
        break;
      case JVM_CHECKPOINT_ERROR:
        int[] codes = (int[]) bundle[3];
        translateJVMExceptions(codes, (String[]) bundle[4], problems);
        // The scan found nothing, so it is the engine that failed; a dry run starts no engine.
        if (codes.length == 0 && !dryRun) {
          problems.addSuppressed(new RuntimeException("Native checkpoint failed."));
        }
        break;
      case JVM_CHECKPOINT_NONE:
        problems.addSuppressed(new RuntimeException("C/R is not configured"));
        break;
      default:
        problems.addSuppressed(new RuntimeException("Unknown C/R result: " + result));
        break;
    }

    RestoreException restoreProblem = null;
    try {
      globalContext.afterRestore(null);
    } catch (RestoreException e) {
      restoreProblem = e;
    }
    if (problems.getSuppressed().length > 0) {
      if (restoreProblem != null) {
        for (Throwable suppressed : restoreProblem.getSuppressed()) {
          problems.addSuppressed(suppressed);
        }
      }
      throw problems;
    }
    if (restoreProblem != null) {
      throw restoreProblem;
    }
  }

  /** Takes a checkpoint; returns after it, or after the restore. */
  public static void checkpointRestore() throws CheckpointException, RestoreException {
    // Held through the whole checkpoint: another thread's attempt waits, and only the checkpoint's
    // own thread can meet the flag.
    synchronized (checkpointRestoreLock) {
      if (checkpointInProgress) {
        CheckpointException problem = new CheckpointException();
        problem.addSuppressed(new IllegalStateException("Recursive checkpoint is not allowed"));
        throw problem;
      }
      checkpointInProgress = true;
      try {
        checkpointRestore1();
      } finally {
        checkpointInProgress = false;
      }
    }
  }
}
