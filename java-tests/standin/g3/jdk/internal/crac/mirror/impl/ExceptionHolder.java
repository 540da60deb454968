package jdk.internal.crac.mirror.impl;

import java.util.function.Supplier;

/** Gathers what went wrong, to throw all of it at once. */
public final class ExceptionHolder<E extends Exception> {
  private final Supplier<E> constructor;
  private E exception;

  public ExceptionHolder(Supplier<E> constructor) {
    this.constructor = constructor;
  }

  public boolean hasException() {
    return exception != null;
  }

  /** Adds the problem; of another gathering exception, what it has gathered. */
  public void handle(Throwable problem) {
    if (exception == null) {
      exception = constructor.get();
    }
    if (problem.getClass() == exception.getClass() && problem.getMessage() == null) {
      for (Throwable suppressed : problem.getSuppressed()) {
        exception.addSuppressed(suppressed);
      }
    } else {
      exception.addSuppressed(problem);
    }
  }

  public void throwIfAny() throws E {
    if (exception != null) {
      throw exception;
    }
  }
}
